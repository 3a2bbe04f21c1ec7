-- Why    Plans with their rules, credits in lots, usage, trial conversions; and the lines of invoices, which tell what was billed
--        for which period long after the subscription has moved on. docs/credits.md has the rules.
-- Locks  new tables; ledger.subscription, ledger.subscription_item, ledger.entitlement, ledger.product and ledger.plan_price exclusively for
--        the moment it takes to add columns; ledger.invoice, ledger.subscription_item and ledger.plan_price while their indexes are built.
-- Undo   DROP TABLE the tables below, last first; ALTER TABLE … DROP COLUMN the columns added.

SET LOCAL ROLE instep_owner;

ALTER TABLE ledger.subscription
    ADD COLUMN billing_cycle_anchor timestamptz,
    ADD COLUMN test_clock text,             -- its time is Stripe's test clock's, not ours
    ADD COLUMN credits_due_at timestamptz,  -- when time alone will give it the next credits (annual prices); NULL: never
    ADD COLUMN credits_error text;          -- why that failed last, which is tried again; NULL: it did not
CREATE INDEX subscription_credits_due ON ledger.subscription (credits_due_at) WHERE credits_due_at IS NOT NULL;
CREATE INDEX subscription_credits_error ON ledger.subscription (account, id) WHERE credits_error IS NOT NULL;

-- Products carry plans in their metadata; a bad one is kept as the sentence that says what is wrong with it.
ALTER TABLE ledger.product
    ADD COLUMN updated_at timestamptz,      -- Stripe's updated, else created; NULL: neither was told
    ADD COLUMN plan_error text;             -- why its metadata makes no plan version; NULL: nothing is wrong
CREATE INDEX product_plan_error ON ledger.product (account, id) WHERE plan_error IS NOT NULL;
ALTER TABLE ledger.plan_price
    ADD COLUMN meta_plan text,              -- plan_key of its own metadata; what it stands for follows: ledger.price_plan
    ADD COLUMN metered boolean;             -- billed by what was used: lines count that, and no seats
CREATE INDEX plan_price_product ON ledger.plan_price (account, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX plan_price_plan ON ledger.plan_price (plan_key);
ALTER TABLE ledger.subscription_item
    ADD COLUMN created_at timestamptz;      -- later than its period began: it was added amid it; NULL: not told
CREATE INDEX subscription_item_price ON ledger.subscription_item (account, price_id);

ALTER TABLE ledger.entitlement
    ADD COLUMN plan_version integer;        -- as last announced, of the current period; NULL: nobody has described the plan

CREATE TABLE ledger.invoice_line (
    account text NOT NULL,
    invoice text NOT NULL,
    id text NOT NULL,                       -- il_…
    subscription text,
    item text,                              -- si_…; NULL: not of an item
    price_id text,
    quantity bigint,                        -- NULL: metered or none
    amount bigint NOT NULL,                 -- before discounts; negative: given back for unused time
    proration boolean NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    PRIMARY KEY (account, invoice, id)
);
CREATE INDEX invoice_line_price ON ledger.invoice_line (account, price_id, period_end)
    WHERE subscription IS NOT NULL;
CREATE INDEX invoice_line_subscription ON ledger.invoice_line (account, subscription, period_start)
    WHERE subscription IS NOT NULL;
CREATE INDEX invoice_paid_of ON ledger.invoice (account, subscription, paid_at)
    WHERE subscription IS NOT NULL AND status = 'paid' AND amount_paid > 0;

-- Which plan a price or product stands for, by an operator's word: goes before metadata and lookup keys.
CREATE TABLE ledger.plan_match (
    account text NOT NULL DEFAULT '*',      -- '*': in every account
    ref text NOT NULL,                      -- price_…, prod_… or a lookup key
    plan_key text NOT NULL REFERENCES ledger.plan (plan_key),
    PRIMARY KEY (account, ref)
);

CREATE TABLE ledger.plan_version (
    plan_key text NOT NULL REFERENCES ledger.plan (plan_key),
    version integer NOT NULL CONSTRAINT plan_version_positive CHECK (version >= 1),
    valid_from timestamptz NOT NULL,        -- of periods that begin then or later; the first also of the one in progress
    name text,
    rank integer NOT NULL DEFAULT 0,
    monthly_credits bigint NOT NULL DEFAULT 0 CHECK (monthly_credits >= 0), -- per month, or per period if that is shorter
    trial_credits bigint NOT NULL DEFAULT 0 CHECK (trial_credits >= 0),
    per_unit boolean NOT NULL DEFAULT true, -- times the quantity of the item
    grant_when text NOT NULL DEFAULT 'paid' CHECK (grant_when IN ('active', 'paid')),
    trial_carry boolean NOT NULL DEFAULT true, -- trial credits of who converts last to the end of the first period
    rollover text NOT NULL DEFAULT 'none' CHECK (rollover IN ('none', 'capped', 'unlimited')),
    rollover_cap bigint CHECK (rollover_cap >= 0),
    expires_months integer CHECK (expires_months BETWEEN 1 AND 1200), -- unlimited: after so many months; NULL: never
    upgrade text NOT NULL DEFAULT 'difference' CHECK (upgrade IN ('difference', 'renewal')),
    downgrade text NOT NULL DEFAULT 'renewal' CHECK (downgrade IN ('renewal', 'now')),
    clawback text NOT NULL DEFAULT 'clamp' CHECK (clawback IN ('none', 'clamp', 'negative')),
    limits jsonb NOT NULL DEFAULT '{}',     -- {meter: {"limit": n, "hard": bool, "per_unit": bool}}
    source text NOT NULL,                   -- 'file plans.toml', 'product prod_…', 'sql'
    loaded_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_key, version),
    CONSTRAINT plan_version_cap_if_capped CHECK ((rollover = 'capped') = (rollover_cap IS NOT NULL)),
    CONSTRAINT plan_version_expires_if_unlimited CHECK (expires_months IS NULL OR rollover = 'unlimited'),
    CONSTRAINT plan_version_limits_object CHECK (jsonb_typeof(limits) = 'object')
);
CREATE INDEX plan_version_when ON ledger.plan_version (plan_key, valid_from, version);

-- Who has credits: a user, or the holding account of a customer whose user nobody knows yet. The row is the lock of its lots.
CREATE TABLE ledger.credit_holder (
    holder text PRIMARY KEY,                -- 'user:<id>' or 'customer:<account>:<cus_…>'
    user_id text UNIQUE REFERENCES ledger.app_user (id),
    account text,
    customer text,
    balance bigint NOT NULL DEFAULT 0,      -- after its last entry; may be negative by clawback alone
    entries bigint NOT NULL DEFAULT 0,      -- number of its last entry
    credit_limit bigint NOT NULL DEFAULT 0, -- granted less clawed of the lots that were live when it was last settled
    next_due_at timestamptz,                -- when time alone changes something of its lots; NULL: never
    clock_at timestamptz,                   -- newest moment of a Stripe test clock that one of its customers lives on
    left_until timestamptz,                 -- settling it failed: the leader leaves it alone until then; it stays due, so a spend tries
    settle_error text                       -- why; NULL: nothing is wrong
) WITH (fillfactor = 70);
CREATE INDEX credit_holder_due ON ledger.credit_holder (next_due_at) WHERE next_due_at IS NOT NULL;

-- A lot is one grant and what became of it. State: always the sum of its entries. No counter is negative. Triggers see to that and to
-- remaining: expressions of CHECKs and generated columns Postgres reads anew in every statement, and a spend is one. What only rules
-- change is checked only then.
CREATE TABLE ledger.credit_lot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder text NOT NULL REFERENCES ledger.credit_holder (holder),
    kind text NOT NULL,                     -- trial, period, upgrade, rollover, manual
    account text NOT NULL DEFAULT '',       -- '': manual
    customer text,
    subscription text,
    item text,
    plan_key text,
    plan_version integer,
    period_start timestamptz,
    period_end timestamptz,
    invoice text,                           -- the paper that it follows from, if one is known
    due bigint NOT NULL DEFAULT 0, -- what the rules give by now; what was granted beyond it is claimed back
    effective_at timestamptz NOT NULL,      -- given then
    expires_at timestamptz,                 -- not spendable from then on; NULL: never
    granted bigint NOT NULL DEFAULT 0,
    spent bigint NOT NULL DEFAULT 0,
    clawed bigint NOT NULL DEFAULT 0,     -- taken back: refunded, disputed, not due after all
    covered bigint NOT NULL DEFAULT 0,   -- of a debt, by other lots
    repaid bigint NOT NULL DEFAULT 0,     -- given to other lots' debts
    rolled bigint NOT NULL DEFAULT 0,     -- carried over into a lot of the next period
    expired bigint NOT NULL DEFAULT 0,
    remaining bigint NOT NULL,              -- by the counters, whatever a statement says: the trigger below
    open boolean NOT NULL,                  -- something is left; apart from remaining, so that a spend, which seldom changes it, is a heap-only update
    claw_target bigint NOT NULL DEFAULT 0, -- what the rules would take back
    claw_at timestamptz,                    -- since when
    returned_at timestamptz,                -- when the last of it was given again
    claw_source text,                       -- re_…, dp_…, cn_… or sub_… that says so
    claw_transition text,                   -- refund, dispute_won, …: what happened last
    claw_negative boolean NOT NULL DEFAULT false, -- beyond what is there: a debt; else the shortfall is only recorded
    shortfall bigint NOT NULL DEFAULT 0, -- of claw_target, what could not be taken
    rollover_cap bigint,                    -- NULL: nothing is carried over
    rolls_from bigint REFERENCES ledger.credit_lot (id), -- of a rollover: the first lot that was carried over into it
    booked integer NOT NULL DEFAULT 0,      -- entries that the rules made for it; numbers them in their keys
    manual_key text                         -- of manual lots: the idempotency key that made it
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX credit_lot_once ON ledger.credit_lot (account, item, period_start, kind, plan_key, plan_version)
    WHERE kind <> 'manual';
-- In the order in which they are burnt, so that a spend reads one lot of however many there are.
CREATE INDEX credit_lot_open ON ledger.credit_lot (holder, expires_at, effective_at, kind, item, id) WHERE open;
CREATE INDEX credit_lot_holder ON ledger.credit_lot (holder, expires_at);
CREATE INDEX credit_lot_subscription ON ledger.credit_lot (account, subscription);

CREATE TABLE ledger.credit_kind (
    kind text PRIMARY KEY,
    counter text NOT NULL,                  -- of credit_lot that its lines change
    meaning text NOT NULL
);
INSERT INTO ledger.credit_kind (kind, counter, meaning) VALUES
    ('granted', 'granted', 'credits were given'),
    ('spent', 'spent', 'the application took credits'),
    ('spend_returned', 'spent', 'the application gave back what it had taken'),
    ('clawed_back', 'clawed', 'credits were taken back: refunded, disputed, or not due after all'),
    ('clawback_returned', 'clawed', 'what was taken back is given again: a refund failed, a dispute was won'),
    ('expired', 'expired', 'their time was over'),
    ('unexpired', 'expired', 'their time was not over after all'),
    ('rolled_over', 'rolled', 'carried over into the next period, out of the first lot into the second, which is granted it; or back'),
    ('debt_repaid', 'repaid', 'the first lot made good what the second had below zero; or that was undone'),
    ('moved_out', 'none', 'went to another holder'),
    ('moved_in', 'none', 'came from another holder');

-- A movement of credits is one row, so it cannot be out of balance: where it came from or went to follows from its kind.
CREATE TABLE ledger.credit_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder text NOT NULL,                   -- its row is moved by the trigger below, which is stricter than a reference
    n bigint NOT NULL,                      -- 1, 2, … per holder, without gaps
    kind text NOT NULL,                     -- of ledger.credit_kind; a reference would have all spends lock one row of it
    amount bigint NOT NULL,                 -- of the balance: positive given, negative taken; 0: between lots
    balance_before bigint NOT NULL,
    balance_after bigint NOT NULL,
    lots bigint[] NOT NULL,                 -- which lots, and by how much each
    amounts bigint[] NOT NULL,
    idempotency_key text NOT NULL,
    account text,                           -- of what Stripe said; NULL: the application's doing
    subscription text,
    plan_key text,
    plan_version integer,
    transition text,                        -- what happened to the subscription: trial_start, trial_to_active, renewal, …
    source text,                            -- in_…, sub_…, re_… that it follows from; of spend_returned: the key of the spend
    facts jsonb,                            -- what the rule used
    note text,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    turn uuid,                              -- ops.turn; NULL: the application, or time alone
    event_id text,                          -- of the turn's events, the one that tells of it
    CONSTRAINT credit_entry_number_once UNIQUE (holder, n),
    CONSTRAINT credit_entry_key_once UNIQUE (holder, idempotency_key)
);
CREATE INDEX credit_entry_subscription ON ledger.credit_entry (account, subscription) WHERE subscription IS NOT NULL;
CREATE INDEX credit_entry_returned ON ledger.credit_entry (holder, source) WHERE kind = 'spend_returned';

-- Every entry moves its holder's row on, from exactly where the entry before it had left it. An entry that does not follow, by
-- number or by balance, is refused, so the chain has no gaps and no forks, whoever writes.
--   Each expression is one that plpgsql computes without a query of its own, as long as the entry is an application's spend.
CREATE FUNCTION ledger.chain_credit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_sum numeric;
    v_known boolean := true;
BEGIN
    v_sum := NEW.amounts[1];
    IF NEW.kind <> 'spent' THEN
        v_known := EXISTS (SELECT FROM ledger.credit_kind AS k WHERE k.kind = NEW.kind);
    END IF;
    IF cardinality(NEW.amounts) <> 1 THEN
        v_sum := (SELECT sum(a) FROM unnest(NEW.amounts) AS a);
    END IF;
    -- Here and not as CHECKs of the table, which Postgres would read anew for every entry.
    IF NOT v_known OR NEW.balance_after <> NEW.balance_before + NEW.amount OR length(NEW.idempotency_key) NOT BETWEEN 1 AND 700
        OR cardinality(NEW.lots) <> cardinality(NEW.amounts) OR cardinality(NEW.lots) < 1 THEN
        RAISE EXCEPTION 'credit entry % of % is none: kind %, key %, % and % make %, % lots with % amounts', NEW.n, NEW.holder, NEW.kind,
            quote_literal(NEW.idempotency_key), NEW.balance_before, NEW.amount, NEW.balance_after, cardinality(NEW.lots),
            cardinality(NEW.amounts) USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.amount IS DISTINCT FROM v_sum THEN
        RAISE EXCEPTION 'credit entry % of %: lines % do not add up to %', NEW.n, NEW.holder, NEW.amounts, NEW.amount
            USING ERRCODE = 'check_violation';
    END IF;
    UPDATE ledger.credit_holder AS h SET balance = NEW.balance_after, entries = NEW.n
     WHERE h.holder = NEW.holder AND h.entries = NEW.n - 1 AND h.balance = NEW.balance_before;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'credit entry % of % does not follow: the last one is %', NEW.n, NEW.holder,
            (SELECT h.entries || ' with balance ' || h.balance FROM ledger.credit_holder AS h WHERE h.holder = NEW.holder)
            USING ERRCODE = 'check_violation', HINT = 'Take the holder''s row FOR UPDATE and continue from it.';
    END IF;
    NEW.recorded_at := clock_timestamp();
    -- What Stripe or time did to a user's credits is announced at commit. What the application did itself it knows; and a commit
    -- that announces waits for others that do, which spends should not. In this trigger, since the condition of one of its own
    -- would be read anew for every entry.
    IF NEW.kind NOT IN ('spent', 'spend_returned') AND NEW.amount <> 0 AND starts_with(NEW.holder, 'user:')
        AND (NEW.kind <> 'granted' OR NEW.account IS NOT NULL) THEN -- granted without account: the application's own
        PERFORM pg_notify('instep_credits', jsonb_build_object(
            'user', substr(NEW.holder, 6), 'balance', NEW.balance_after, 'amount', NEW.amount, 'kind', NEW.kind,
            'transition', NEW.transition, 'subscription', NEW.subscription)::text);
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION ledger.check_credit_holder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.user_id IS NULL) = (NEW.customer IS NULL) OR (NEW.account IS NULL) <> (NEW.customer IS NULL) THEN
        RAISE EXCEPTION 'holder % is neither a user nor a customer', NEW.holder USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION ledger.check_credit_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind NOT IN ('trial', 'period', 'upgrade', 'rollover', 'manual')
        OR least(NEW.due, NEW.granted, NEW.clawed, NEW.covered, NEW.repaid, NEW.rolled, NEW.expired, NEW.claw_target, NEW.shortfall) < 0 THEN
        RAISE EXCEPTION 'lot % of % has a counter below zero, or no kind: %', NEW.id, NEW.holder, to_jsonb(NEW)
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION ledger.count_credit_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.spent < 0 THEN
        RAISE EXCEPTION 'lot % of % has spent % credits', NEW.id, NEW.holder, NEW.spent USING ERRCODE = 'check_violation';
    END IF;
    NEW.remaining := NEW.granted - NEW.spent - NEW.clawed + NEW.covered - NEW.repaid - NEW.rolled - NEW.expired;
    NEW.open := NEW.remaining > 0;
    RETURN NEW;
END
$$;
CREATE TRIGGER checked BEFORE INSERT OR UPDATE OF holder, user_id, account, customer ON ledger.credit_holder
    FOR EACH ROW EXECUTE FUNCTION ledger.check_credit_holder();
CREATE TRIGGER checked BEFORE INSERT OR UPDATE OF kind, due, granted, clawed, covered, repaid, rolled, expired, claw_target, shortfall
    ON ledger.credit_lot FOR EACH ROW EXECUTE FUNCTION ledger.check_credit_lot();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE ON ledger.credit_lot
    FOR EACH ROW EXECUTE FUNCTION ledger.count_credit_lot();
CREATE TRIGGER chained BEFORE INSERT ON ledger.credit_entry
    FOR EACH ROW EXECUTE FUNCTION ledger.chain_credit_entry();

CREATE TABLE ledger.usage_period (
    user_id text NOT NULL REFERENCES ledger.app_user (id),
    meter text NOT NULL CHECK (length(meter) BETWEEN 1 AND 100),
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    account text,
    subscription text,                      -- whose period it is; NULL: a calendar month (UTC) without one
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    PRIMARY KEY (user_id, meter, period_start)
) WITH (fillfactor = 70);

CREATE TABLE ledger.usage_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    meter text NOT NULL,
    period_start timestamptz NOT NULL,
    n bigint NOT NULL CHECK (n > 0),
    used_before bigint NOT NULL,
    used_after bigint NOT NULL CHECK (used_after = used_before + n),
    usage_limit bigint,                     -- as it was; NULL: none
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 700),
    note text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT usage_entry_key_once UNIQUE (user_id, meter, idempotency_key),
    FOREIGN KEY (user_id, meter, period_start) REFERENCES ledger.usage_period (user_id, meter, period_start)
);
CREATE INDEX usage_entry_period ON ledger.usage_entry (user_id, meter, period_start, id);

-- A trial and what became of it.
CREATE TABLE ledger.conversion (
    account text NOT NULL,
    subscription text NOT NULL,
    customer text NOT NULL,
    user_id text,
    state text NOT NULL CHECK (state IN ('trial', 'awaiting_payment', 'converted', 'ended_unpaid')),
    plan_key text,
    trial_start timestamptz NOT NULL,
    trial_end timestamptz NOT NULL,
    invoice text,                           -- the first that was really paid
    amount bigint NOT NULL DEFAULT 0 CHECK (amount >= 0),
    currency text,
    converted_at timestamptz,               -- when it was paid
    ended_at timestamptz,                   -- of ended_unpaid
    turn uuid,                              -- ops.turn: the last that changed it
    PRIMARY KEY (account, subscription),
    FOREIGN KEY (account, subscription) REFERENCES ledger.subscription (account, id),
    CONSTRAINT conversion_paid CHECK ((state = 'converted') = (converted_at IS NOT NULL))
);
CREATE INDEX conversion_customer ON ledger.conversion (account, customer);
CREATE INDEX conversion_user ON ledger.conversion (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX conversion_when ON ledger.conversion (converted_at) WHERE converted_at IS NOT NULL;

CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.plan_version
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.plan_version
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.credit_kind
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.credit_kind
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.credit_entry
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.credit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.usage_entry
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.usage_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA ledger TO instep_operator; -- who loads plans and looks at credits

RESET ROLE;
