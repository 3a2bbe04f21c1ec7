-- Why    What is sold and at what discount, as last read: products, coupons, promotion codes, and prices that are gone.
--        These rows are state. metadata is the merchant's own: rules of commissions look for a partner there.
-- Locks  new tables; ledger.plan_price exclusively for the moment it takes to add a column.
-- Undo   DROP TABLE ledger.promotion_code, ledger.coupon, ledger.product; ALTER TABLE ledger.plan_price DROP COLUMN deleted;

SET LOCAL ROLE instep_owner;

ALTER TABLE ledger.plan_price ADD COLUMN deleted boolean NOT NULL DEFAULT false; -- Stripe no longer knows it

CREATE TABLE ledger.product (
    account text NOT NULL,
    id text NOT NULL,
    name text,
    active boolean,
    metadata jsonb NOT NULL DEFAULT '{}',
    deleted boolean NOT NULL DEFAULT false, -- Stripe no longer knows it; what it was stays, if it was ever known
    seen_ms bigint NOT NULL DEFAULT 0,      -- as plan_price.seen_ms
    PRIMARY KEY (account, id),
    CONSTRAINT product_known_or_deleted CHECK (deleted OR name IS NOT NULL AND active IS NOT NULL)
);

CREATE TABLE ledger.coupon (
    account text NOT NULL,
    id text NOT NULL,                       -- chosen by the merchant; not free again after deletion
    name text,
    percent_off numeric CONSTRAINT coupon_percent_of_a_hundred CHECK (percent_off BETWEEN 0 AND 100),
    amount_off bigint,
    currency text,                          -- of amount_off
    duration text,                          -- once, repeating, forever
    duration_in_months integer,
    redeem_by timestamptz,
    valid boolean,                          -- may change without an event
    metadata jsonb NOT NULL DEFAULT '{}',
    deleted boolean NOT NULL DEFAULT false,
    seen_ms bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, id),
    CONSTRAINT coupon_known_or_deleted CHECK (deleted OR duration IS NOT NULL AND valid IS NOT NULL),
    CONSTRAINT coupon_percent_or_amount CHECK (percent_off IS NULL OR amount_off IS NULL),
    CONSTRAINT coupon_amount_has_currency CHECK ((amount_off IS NULL) = (currency IS NULL))
);

CREATE TABLE ledger.promotion_code (
    account text NOT NULL,
    id text NOT NULL,
    code text,                              -- what customers type; case does not matter to Stripe
    coupon text,
    customer text,                          -- NULL: anybody may use it
    active boolean,                         -- may change without an event
    expires_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}',
    deleted boolean NOT NULL DEFAULT false,
    seen_ms bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, id),
    CONSTRAINT promotion_code_known_or_deleted CHECK (deleted OR code IS NOT NULL AND coupon IS NOT NULL)
);
CREATE INDEX promotion_code_coupon ON ledger.promotion_code (account, coupon);

RESET ROLE;
