-- Why    Append-only double entry. Debit is positive, credit is negative, an entry sums to zero per unit.
-- Locks  new tables only.
-- Undo   DROP TABLE ledger.posting, ledger.journal_entry, ledger.account, ledger.account_kind, ledger.entry_kind;
--        DROP FUNCTION ledger.stamp_entry(), ledger.check_entry_balance(), ledger.check_posting_sealed(),
--        ledger.check_posting_balance();

SET LOCAL ROLE instep_owner;

CREATE TABLE ledger.account_kind (
    code text PRIMARY KEY,
    normal_side text NOT NULL CONSTRAINT account_kind_side_known CHECK (normal_side IN ('debit', 'credit')),
    meaning text NOT NULL
);
INSERT INTO ledger.account_kind (code, normal_side, meaning) VALUES
    ('collected', 'debit', 'money that customers paid through Stripe, less what went back, as Stripe''s objects state it'),
    ('collected_elsewhere', 'debit', 'money that customers paid outside Stripe: cash, cheque, transfer'),
    ('sales', 'credit', 'what was sold'),
    ('refunds', 'debit', 'what was given back, or is on its way back'),
    ('refunds_payable', 'credit', 'refunds under way: promised, not yet paid out'),
    ('disputes_held', 'debit', 'disputed money that the card network holds until it is decided'),
    ('disputes_lost', 'debit', 'disputed money that is gone'),
    ('credit_notes', 'debit', 'what was credited after payment, to a balance or outside Stripe'),
    ('customer_credit', 'credit', 'what we owe customers as balance'),
    ('credit_applied', 'credit', 'invoices settled by customers'' balances, less balance that invoices gave'),
    ('fees', 'debit', 'what Stripe keeps of charges and for disputes'),
    ('fees_withheld', 'credit', 'the same fees, as taken off what Stripe pays out');

CREATE TABLE ledger.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,                  -- the Stripe account, 'self' for the platform's own
    code text NOT NULL REFERENCES ledger.account_kind (code),
    holder text NOT NULL DEFAULT '',        -- a user or partner, '' for the business itself
    unit text NOT NULL CONSTRAINT account_unit_shape CHECK (unit ~ '^[a-z]{3}$' OR unit = 'credit'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_once UNIQUE (account, code, holder, unit),
    CONSTRAINT account_unit_for_postings UNIQUE (id, unit)
);
COMMENT ON COLUMN ledger.account.unit IS 'ISO 4217 code in lower case, in minor units as Stripe counts them; or credit.';

CREATE TABLE ledger.entry_kind (
    kind text PRIMARY KEY,
    has_postings boolean NOT NULL,          -- false: records a fact that moves nothing, and may have no posting
    meaning text NOT NULL
);
INSERT INTO ledger.entry_kind (kind, has_postings, meaning) VALUES
    ('sale', true, 'an invoice, a one-time session or a charge without paper was paid: the difference to what was booked before'),
    ('sale_zero', false, 'a sale of amount zero: a trial started, or everything was discounted'),
    ('sale_superseded', true, 'it turned out to belong to another sale: an invoice or charge to its session, a charge to its invoice'),
    ('refund', true, 'money went back to the customer'),
    ('refund_pending', true, 'money is on its way back to the customer'),
    ('refund_returned', true, 'a refund failed or was canceled: the money is ours again'),
    ('dispute_held', true, 'a dispute was opened or goes on: the money is held'),
    ('dispute_lost', true, 'a dispute was lost: the money is gone'),
    ('dispute_released', true, 'disputed money came back, or was never taken'),
    ('dispute_noted', false, 'an inquiry, or a dispute that moved nothing'),
    ('credit_note', true, 'credit was given after payment, to a balance or outside Stripe'),
    ('credit_note_noted', false, 'a credit note that moves nothing by itself: before payment, or paid out as a refund'),
    ('credit_note_voided', true, 'a credit note was taken back'),
    ('credit_granted', true, 'an invoice left credit on the customer''s balance: it was negative, or overpaid'),
    ('credit_used', true, 'an invoice was settled from the customer''s balance'),
    ('credit_returned', true, 'what an invoice did to the customer''s balance was undone: it was voided'),
    ('invoice_voided', false, 'an invoice was voided'),
    ('invoice_uncollectible', false, 'an invoice was written off; it may be paid after all'),
    ('fee', true, 'what Stripe keeps of a charge, or for a dispute');

CREATE TABLE ledger.journal_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL REFERENCES ledger.entry_kind (kind),
    idempotency_key text NOT NULL CONSTRAINT journal_entry_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 700),
    content_hash bytea NOT NULL CONSTRAINT journal_entry_hash_length CHECK (length(content_hash) = 32),
    account text NOT NULL,
    customer text,                          -- NULL: a guest
    user_id text,                           -- as known when booked; ledger.sale has today's
    subscription text,
    source text NOT NULL,                   -- the Stripe object that the money is about
    rule text NOT NULL,                     -- the rule that derived it
    facts jsonb NOT NULL,                   -- what Stripe said: the fields that the rule used, nothing personal
    effective_at timestamptz NOT NULL,      -- when it happened, by Stripe
    recorded_at timestamptz NOT NULL,       -- when it was booked
    turn uuid NOT NULL REFERENCES ops.turn (id),
    corrects bigint CONSTRAINT journal_entry_corrected_once UNIQUE REFERENCES ledger.journal_entry (id),
    xid xid8 NOT NULL,                      -- the transaction that wrote it, the only one that may add postings
    CONSTRAINT journal_entry_key_once UNIQUE (idempotency_key),
    CONSTRAINT journal_entry_corrects_older CHECK (corrects IS NULL OR corrects < id)
);
CREATE INDEX journal_entry_source ON ledger.journal_entry (account, source, id);
CREATE INDEX journal_entry_customer ON ledger.journal_entry (account, customer, id);
CREATE INDEX journal_entry_turn ON ledger.journal_entry (turn);
CREATE INDEX journal_entry_effective ON ledger.journal_entry (effective_at);

CREATE TABLE ledger.posting (
    entry_id bigint NOT NULL REFERENCES ledger.journal_entry (id),
    line smallint NOT NULL CONSTRAINT posting_line_positive CHECK (line >= 1),
    account_id bigint NOT NULL,
    unit text NOT NULL,
    amount bigint NOT NULL CONSTRAINT posting_amount_not_zero CHECK (amount <> 0),
    PRIMARY KEY (entry_id, line),
    CONSTRAINT posting_unit_of_account FOREIGN KEY (account_id, unit) REFERENCES ledger.account (id, unit)
);
CREATE INDEX posting_account ON ledger.posting (account_id, entry_id);

-- Who inserts does not choose these: an entry belongs to the transaction and the moment that wrote it.
CREATE FUNCTION ledger.stamp_entry() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END
$$;

-- Deferred triggers run as the role that commits (before PostgreSQL 18), hence SECURITY DEFINER here.
CREATE FUNCTION ledger.check_entry_balance() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_entry bigint;
    v_kind text;
    v_has_postings boolean;
    v_lines bigint;
    v_off text;
BEGIN
    IF TG_TABLE_NAME = 'posting' THEN
        v_entry := NEW.entry_id;
    ELSE
        v_entry := NEW.id;
    END IF;
    SELECT e.kind, k.has_postings INTO STRICT v_kind, v_has_postings
      FROM ledger.journal_entry AS e JOIN ledger.entry_kind AS k ON k.kind = e.kind WHERE e.id = v_entry;
    SELECT coalesce(sum(u.lines), 0), string_agg(u.unit || ' ' || u.total, ', ') FILTER (WHERE u.total <> 0)
      INTO v_lines, v_off
      FROM (SELECT p.unit, count(*) AS lines, sum(p.amount) AS total
              FROM ledger.posting AS p WHERE p.entry_id = v_entry GROUP BY p.unit) AS u;
    IF v_has_postings AND v_lines < 2 THEN
        RAISE EXCEPTION 'entry % of kind % has % postings, at least 2 are needed', v_entry, v_kind, v_lines
            USING ERRCODE = 'check_violation';
    ELSIF NOT v_has_postings AND v_lines > 0 THEN
        RAISE EXCEPTION 'entry % of kind % carries no money and has % postings', v_entry, v_kind, v_lines
            USING ERRCODE = 'check_violation';
    ELSIF v_off IS NOT NULL THEN
        RAISE EXCEPTION 'entry % does not sum to zero: %', v_entry, v_off USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION ledger.check_posting_sealed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT e.xid FROM ledger.journal_entry AS e WHERE e.id = NEW.entry_id)
        IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'entry % is sealed: postings come in the transaction that wrote it', NEW.entry_id
            USING ERRCODE = 'IS005';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER stamp BEFORE INSERT ON ledger.journal_entry
    FOR EACH ROW EXECUTE FUNCTION ledger.stamp_entry();
CREATE TRIGGER sealed BEFORE INSERT ON ledger.posting
    FOR EACH ROW EXECUTE FUNCTION ledger.check_posting_sealed();
-- On both tables: on the entry for the one without postings, on the posting for the one that is added after
-- somebody made constraints immediate.
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.journal_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.check_entry_balance();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.check_entry_balance();

CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.journal_entry
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.posting
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
-- What entries mean may not change under them.
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.account_kind
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.account_kind
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON ledger.entry_kind
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON ledger.entry_kind
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

RESET ROLE;
