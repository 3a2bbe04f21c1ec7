-- Why    What Stripe says now about charges and what became of their money. State, as in 0003: a turn overwrites it;
--        the money itself is in the journal.
-- Locks  new tables only.
-- Undo   DROP TABLE ledger.balance_transaction, ledger.invoice_payment, ledger.credit_note, ledger.dispute,
--        ledger.refund, ledger.charge;

SET LOCAL ROLE instep_owner;

CREATE TABLE ledger.charge (
    account text NOT NULL,
    id text NOT NULL,                       -- ch_…, py_…
    customer text,                          -- NULL: a guest
    status text NOT NULL,
    captured boolean NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    amount_captured bigint NOT NULL,
    amount_refunded bigint NOT NULL,        -- as the charge says; what is booked comes from the refunds
    disputed boolean NOT NULL,
    payment_intent text,
    invoice text,                           -- as the charge itself says; only versions before 2025-03-31.basil do
    balance_transaction text,               -- NULL: not settled
    sale text,                              -- source of the sale whose money it is: in_…, cs_…, its own id; NULL: not known yet
    flag text,                              -- something that should not happen did: a person should look
    created_at timestamptz NOT NULL,
    missing_at timestamptz,
    looked_at timestamptz NOT NULL,
    look_asked_at timestamptz,              -- ops.looks_due gave it out
    PRIMARY KEY (account, id)
);
CREATE INDEX charge_customer ON ledger.charge (account, customer, created_at);
CREATE INDEX charge_payment_intent ON ledger.charge (account, payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX charge_invoice ON ledger.charge (account, invoice) WHERE invoice IS NOT NULL;
CREATE INDEX charge_sale ON ledger.charge (account, sale) WHERE sale IS NOT NULL;
CREATE INDEX charge_unclaimed ON ledger.charge (created_at)
    WHERE sale IS NULL AND status = 'succeeded' AND captured AND missing_at IS NULL;
CREATE INDEX charge_open ON ledger.charge (account, customer)
    WHERE missing_at IS NULL AND (status = 'pending' OR status = 'succeeded' AND (sale IS NULL OR balance_transaction IS NULL));
CREATE INDEX charge_flagged ON ledger.charge (account, id) WHERE flag IS NOT NULL;

CREATE TABLE ledger.refund (
    account text NOT NULL,
    id text NOT NULL,                       -- re_…, pyr_…
    customer text,                          -- its charge's
    charge text,                            -- NULL: of no charge
    payment_intent text,
    currency text NOT NULL,
    amount bigint NOT NULL,
    status text,
    balance_transaction text,               -- NULL: it moved nothing yet
    state text NOT NULL CONSTRAINT refund_state_known CHECK (state IN ('pending', 'refunded', 'none')),
    sale text,                              -- as charge.sale
    created_at timestamptz NOT NULL,
    missing_at timestamptz,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX refund_customer ON ledger.refund (account, customer);
CREATE INDEX refund_pending ON ledger.refund (account, customer) WHERE state = 'pending';
CREATE INDEX refund_charge ON ledger.refund (account, charge);
CREATE INDEX refund_payment_intent ON ledger.refund (account, payment_intent) WHERE charge IS NULL;
CREATE INDEX refund_sale ON ledger.refund (account, sale) WHERE sale IS NOT NULL;

CREATE TABLE ledger.dispute (
    account text NOT NULL,
    id text NOT NULL,                       -- dp_…, du_…
    customer text,                          -- its charge's
    charge text,
    payment_intent text,
    currency text NOT NULL,
    amount bigint NOT NULL,
    status text NOT NULL,
    reason text,
    withdrawn_at timestamptz,               -- Stripe took the money; NULL: it did not
    reinstated_at timestamptz,              -- and gave it back; NULL: it did not, or took it again
    state text NOT NULL CONSTRAINT dispute_state_known CHECK (state IN ('none', 'held', 'lost')),
    sale text,                              -- as charge.sale
    created_at timestamptz NOT NULL,
    missing_at timestamptz,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX dispute_customer ON ledger.dispute (account, customer);
CREATE INDEX dispute_charge ON ledger.dispute (account, charge);
CREATE INDEX dispute_sale ON ledger.dispute (account, sale) WHERE sale IS NOT NULL;

CREATE TABLE ledger.credit_note (
    account text NOT NULL,
    id text NOT NULL,                       -- cn_…
    customer text,
    invoice text NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    amount bigint NOT NULL,
    to_balance bigint NOT NULL,             -- given to the customer's balance
    elsewhere bigint NOT NULL,              -- given back outside Stripe
    refunded bigint NOT NULL,               -- given back by refunds, which book themselves
    created_at timestamptz NOT NULL,
    voided_at timestamptz,
    missing_at timestamptz,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX credit_note_customer ON ledger.credit_note (account, customer);
CREATE INDEX credit_note_invoice ON ledger.credit_note (account, invoice);

CREATE TABLE ledger.invoice_payment (
    account text NOT NULL,
    id text NOT NULL,                       -- inpay_…; the invoice's own where the version has no such object
    kind text NOT NULL,                     -- payment_intent, charge, payment_record
    invoice text NOT NULL,
    payment_intent text,
    charge text,
    payment_record text,
    status text NOT NULL,
    amount_paid bigint NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id, kind)
);
CREATE INDEX invoice_payment_invoice ON ledger.invoice_payment (account, invoice);
CREATE INDEX invoice_payment_intent ON ledger.invoice_payment (account, payment_intent)
    WHERE payment_intent IS NOT NULL;
CREATE INDEX invoice_payment_charge ON ledger.invoice_payment (account, charge) WHERE charge IS NOT NULL;

CREATE TABLE ledger.balance_transaction (
    account text NOT NULL,
    id text NOT NULL,                       -- txn_…
    source text NOT NULL,                   -- the charge or dispute that it was read with
    customer text,                          -- whose that is
    type text,
    currency text NOT NULL,                 -- what it settles in, not what the customer paid in
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    created_at timestamptz NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX balance_transaction_source ON ledger.balance_transaction (account, source);
CREATE INDEX balance_transaction_customer ON ledger.balance_transaction (account, customer);

RESET ROLE;
