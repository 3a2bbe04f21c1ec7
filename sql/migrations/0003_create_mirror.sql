-- Why    What Stripe says now about a customer, in our own columns, and what it said before (subscription_change).
--        These rows are state: a turn overwrites them. Money lives in the journal, never here.
-- Locks  new tables only.
-- Undo   DROP TABLE the tables below, last first; DROP FUNCTION ledger.refuse_change();

SET LOCAL ROLE instep_owner;

CREATE TABLE ledger.app_user (
    id text PRIMARY KEY CONSTRAINT app_user_id_length CHECK (length(id) BETWEEN 1 AND 500),
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ledger.app_user IS 'Users of the application, by its own id. The row is the lock of everything that is per user.';

CREATE TABLE ledger.customer (
    account text NOT NULL CONSTRAINT customer_account_not_empty CHECK (account <> ''),
    id text NOT NULL CONSTRAINT customer_id_length CHECK (length(id) BETWEEN 1 AND 255),
    kind text NOT NULL CONSTRAINT customer_kind_known CHECK (kind IN ('customer', 'object')),
    user_id text REFERENCES ledger.app_user (id),
    user_source text,                       -- which rule said so: operator, subscription, customer, session, client_reference_id
    linked_user text REFERENCES ledger.app_user (id), -- an operator's word, which goes before Stripe's
    meta_user text,                         -- what the customer object's metadata says
    routed_to text,                         -- object subjects: the customer that their events belong to
    routed_user text,
    deleted boolean NOT NULL DEFAULT false,
    claim uuid,
    claim_no bigint NOT NULL DEFAULT 0,
    claim_used boolean NOT NULL DEFAULT true,
    claim_worker text,
    claimed_at timestamptz,
    applied_at timestamptz,                 -- NULL: never applied
    looked_at timestamptz,                  -- last turn that read all lists to their ends; NULL: none did
    invoices_listed_to timestamptz,         -- newest created on a list that was read to its end: all before is known
    sessions_listed_to timestamptz,
    charges_listed_to timestamptz,
    balance bigint,                         -- as Stripe last said, negative: credit of the customer; NULL: never read
    balance_currency text,
    applied_turn uuid,                      -- ops.turn; state rows have no foreign key to it, see ops.prune_turns
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, id),
    CONSTRAINT customer_user_has_source CHECK ((user_id IS NULL) = (user_source IS NULL)),
    CONSTRAINT customer_only_objects_are_routed CHECK (routed_to IS NULL OR kind = 'object')
) WITH (fillfactor = 80);
CREATE INDEX customer_user ON ledger.customer (user_id) WHERE user_id IS NOT NULL;
COMMENT ON COLUMN ledger.customer.claim IS 'The fence: a turn applies only while its claim is this one and unused.';

CREATE TABLE ledger.plan (
    plan_key text PRIMARY KEY CONSTRAINT plan_key_not_empty CHECK (plan_key <> ''),
    name text,
    rank integer NOT NULL DEFAULT 0,        -- which of several subscriptions counts: the higher
    discovered boolean NOT NULL DEFAULT true, -- seen on a price before anybody described it
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger.plan_price (
    account text NOT NULL,
    price_id text NOT NULL,
    plan_key text NOT NULL REFERENCES ledger.plan (plan_key),
    product_id text,
    lookup_key text,
    currency text,
    unit_amount bigint,                     -- NULL: tiered, or a fraction of a minor unit
    recurring_interval text,
    recurring_count integer,
    active boolean,
    seen_ms bigint NOT NULL DEFAULT 0,      -- when the read that said so ended; an older read does not overwrite
    PRIMARY KEY (account, price_id)
);

CREATE TABLE ledger.subscription (
    account text NOT NULL,
    id text NOT NULL,
    customer text NOT NULL,
    status text NOT NULL,
    currency text,
    collection_method text,
    cancel_at_period_end boolean NOT NULL,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    trial_start timestamptz,
    trial_end timestamptz,
    pause_collection text,                  -- keep_as_draft, mark_uncollectible, void; NULL: not paused
    latest_invoice text,
    meta_user text,                         -- what its metadata says
    created_at timestamptz NOT NULL,
    state jsonb NOT NULL,                   -- the facts above and the items, canonical: equal state, equal jsonb
    changed_turn uuid,                      -- ops.turn
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, customer) REFERENCES ledger.customer (account, id)
);
CREATE INDEX subscription_customer ON ledger.subscription (account, customer);

CREATE TABLE ledger.subscription_item (
    account text NOT NULL,
    id text NOT NULL,
    subscription text NOT NULL,
    price_id text NOT NULL,
    product_id text,
    quantity bigint,                        -- NULL: metered
    current_period_start timestamptz NOT NULL,
    current_period_end timestamptz NOT NULL,
    removed_at timestamptz,                 -- no longer on the subscription
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, subscription) REFERENCES ledger.subscription (account, id),
    FOREIGN KEY (account, price_id) REFERENCES ledger.plan_price (account, price_id)
);
CREATE INDEX subscription_item_subscription ON ledger.subscription_item (account, subscription);

CREATE TABLE ledger.subscription_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    subscription text NOT NULL,
    customer text NOT NULL,
    status_before text,                     -- NULL: first sight
    status text NOT NULL,
    state jsonb NOT NULL,                   -- the whole state from effective_at on
    effective_at timestamptz NOT NULL,      -- never before the change before it
    effective_basis text NOT NULL,          -- ended_at, trial_end, period, canceled_at, created: so Stripe says; event, read:
                                            -- about then; order: moved up to the change before it
    turn uuid NOT NULL REFERENCES ops.turn (id),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX subscription_change_when ON ledger.subscription_change (account, subscription, effective_at, id);

CREATE TABLE ledger.customer_user_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    customer text NOT NULL,
    user_before text,
    user_after text,
    source text,                            -- as customer.user_source
    changed_by text NOT NULL,               -- an operator's name, or the worker
    turn uuid REFERENCES ops.turn (id),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX customer_user_change_customer ON ledger.customer_user_change (account, customer, id);

CREATE TABLE ledger.invoice (
    account text NOT NULL,
    id text NOT NULL,
    customer text,                          -- NULL: billed to nobody we know
    subscription text,
    status text,
    currency text NOT NULL,
    amount_due bigint NOT NULL,
    amount_paid bigint NOT NULL,
    amount_off_stripe bigint NOT NULL,      -- of amount_paid: cash, cheque, transfer; Stripe never had it
    amount_overpaid bigint NOT NULL,        -- became credit of the customer
    starting_balance bigint NOT NULL,       -- of the customer, negative: credit
    ending_balance bigint,                  -- NULL: not finalized
    total bigint NOT NULL,
    discount_amount bigint NOT NULL,
    billing_reason text,
    created_at timestamptz NOT NULL,
    paid_at timestamptz,
    paid_at_basis text,                     -- what paid_at is if Stripe does not say: finalized_at, created; else NULL
    finalized_at timestamptz,
    voided_at timestamptz,
    uncollectible_at timestamptz,           -- once written off, whatever became of it
    missing_at timestamptz,                 -- Stripe no longer knows it (a deleted draft)
    looked_at timestamptz NOT NULL,         -- last read
    PRIMARY KEY (account, id)
);
CREATE INDEX invoice_customer ON ledger.invoice (account, customer, created_at);
CREATE INDEX invoice_not_final ON ledger.invoice (account, customer, looked_at)
    WHERE missing_at IS NULL AND status IS DISTINCT FROM 'paid' AND status IS DISTINCT FROM 'void';

CREATE TABLE ledger.checkout_session (
    account text NOT NULL,
    id text NOT NULL,
    customer text,                          -- NULL: a guest
    mode text NOT NULL,
    status text,
    payment_status text NOT NULL,
    currency text,
    amount_total bigint,                    -- NULL for setup
    discount_amount bigint NOT NULL,
    subscription text,
    invoice text,
    payment_intent text,
    client_reference_id text,
    meta_user text,
    created_at timestamptz NOT NULL,
    missing_at timestamptz,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX checkout_session_customer ON ledger.checkout_session (account, customer, created_at);
CREATE INDEX checkout_session_invoice ON ledger.checkout_session (account, invoice) WHERE invoice IS NOT NULL;
CREATE INDEX checkout_session_payment_intent ON ledger.checkout_session (account, payment_intent)
    WHERE payment_intent IS NOT NULL;

-- Trigger functions live in migrations: a table never stands without its guards.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'IS005', HINT = 'Record a correction that names what it corrects.';
END
$$;
COMMENT ON FUNCTION ledger.refuse_change() IS 'Guard of append-only tables.';

CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.subscription_change
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.subscription_change
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.customer_user_change
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.customer_user_change
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

RESET ROLE;
