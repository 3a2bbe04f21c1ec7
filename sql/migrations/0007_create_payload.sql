-- Why    Retention: what an operator may prune, found by key; and, for who asks for it, what Stripe said, redacted.
-- Locks  new table; the indexes lock writes of their table while they are built (small tables before the first deploy).
-- Undo   DROP TABLE ops.payload; DROP INDEX the indexes below.

SET LOCAL ROLE instep_owner;

CREATE TABLE ops.payload (
    turn uuid NOT NULL REFERENCES ops.turn (id) ON DELETE CASCADE,
    object text NOT NULL,
    id text NOT NULL,
    payload jsonb NOT NULL,                 -- as read, but for the fields that INSTEP_REDACT_FIELDS names
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (turn, object, id)
);
CREATE INDEX payload_recorded ON ops.payload (recorded_at, turn, object, id);
COMMENT ON TABLE ops.payload IS 'What a turn read from Stripe, redacted. Empty unless INSTEP_PAYLOADS=redacted.';

-- Walks of the pruning, and the other sides of foreign keys to what it removes.
CREATE INDEX webhook_event_processed ON ops.webhook_event (processed_at, account, id) WHERE processed_at IS NOT NULL;
CREATE INDEX dead_letter_turn ON ops.dead_letter (turn);
CREATE INDEX dead_letter_settled_by ON ops.dead_letter (settled_by) WHERE settled_by IS NOT NULL;
CREATE INDEX subscription_change_turn ON ledger.subscription_change (turn);
CREATE INDEX customer_user_change_turn ON ledger.customer_user_change (turn) WHERE turn IS NOT NULL;

RESET ROLE;
