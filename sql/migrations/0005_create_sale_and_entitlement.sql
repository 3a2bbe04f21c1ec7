-- Why    What the journal means for readers: one row per sale, one row per subscription's right to the product.
-- Locks  new tables only.
-- Undo   DROP TABLE ledger.entitlement, ledger.entitlement_policy, ledger.sale;

SET LOCAL ROLE instep_owner;

CREATE TABLE ledger.sale (
    account text NOT NULL,
    source text NOT NULL,                   -- in_…, cs_…, or a charge that no paper names: ch_…, py_…
    kind text NOT NULL CONSTRAINT sale_kind_known CHECK
        (kind IN ('subscription', 'invoice', 'one_time', 'charge')),
    state text NOT NULL CONSTRAINT sale_state_known CHECK (state IN ('booked', 'superseded')),
    customer text,                          -- NULL: a guest
    user_id text REFERENCES ledger.app_user (id),
    subscription text,
    currency text NOT NULL CONSTRAINT sale_currency_shape CHECK (currency ~ '^[a-z]{3}$'),
    amount bigint NOT NULL CONSTRAINT sale_amount_not_negative CHECK (amount >= 0), -- sum of its entries
    elsewhere bigint NOT NULL DEFAULT 0     -- of amount: paid outside Stripe
        CONSTRAINT sale_elsewhere_part_of_amount CHECK (elsewhere BETWEEN 0 AND amount),
    discount_amount bigint NOT NULL,
    billing_reason text,
    paid_at timestamptz,                    -- by Stripe; NULL for sessions and charges, which do not say
    entries_count integer NOT NULL,
    flag text,                              -- something that should not happen did: a person should look
    turn uuid NOT NULL,                     -- ops.turn: the last that changed it
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- first booked
    PRIMARY KEY (account, source),
    CONSTRAINT sale_superseded_is_zero CHECK (state <> 'superseded' OR amount = 0)
);
CREATE INDEX sale_customer ON ledger.sale (account, customer);
CREATE INDEX sale_flagged ON ledger.sale (account, source) WHERE flag IS NOT NULL;

CREATE TABLE ledger.entitlement_policy (
    status text PRIMARY KEY,                -- of the subscription
    entitles boolean NOT NULL,
    grace_seconds bigint CONSTRAINT entitlement_policy_grace_positive CHECK (grace_seconds > 0),
    reason text NOT NULL,
    CONSTRAINT entitlement_policy_grace_needs_right CHECK (entitles OR grace_seconds IS NULL)
);
COMMENT ON COLUMN ledger.entitlement_policy.grace_seconds IS
    'NULL: without end. Else counted from the earliest current_period_start of the items.';
INSERT INTO ledger.entitlement_policy (status, entitles, grace_seconds, reason) VALUES
    ('trialing', true, NULL, 'trialing'),
    ('active', true, NULL, 'active'),
    ('past_due', true, 7 * 86400, 'grace'),
    ('incomplete', false, NULL, 'first payment not made'),
    ('incomplete_expired', false, NULL, 'first payment never made'),
    ('unpaid', false, NULL, 'unpaid'),
    ('canceled', false, NULL, 'canceled'),
    ('paused', false, NULL, 'paused');

CREATE TABLE ledger.entitlement (
    account text NOT NULL,
    subscription text NOT NULL,
    customer text NOT NULL,
    user_id text REFERENCES ledger.app_user (id),
    status text NOT NULL,
    plan_key text,                          -- as last announced; a price may stand for another plan since: ledger.plan_of
    entitled boolean NOT NULL,              -- before entitled_until, if there is one
    entitled_until timestamptz,
    reason text NOT NULL,
    turn uuid,                              -- ops.turn: the last that changed it
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, subscription),
    FOREIGN KEY (account, subscription) REFERENCES ledger.subscription (account, id)
);
CREATE INDEX entitlement_user ON ledger.entitlement (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX entitlement_customer ON ledger.entitlement (account, customer);

RESET ROLE;
