-- Why    What arrived, what was done with it, and what is stuck: the trail from an entry back to Stripe's events.
-- Locks  new tables only.
-- Undo   DROP TABLE ops.dead_letter, ops.webhook_event, ops.turn, ops.deployment;

SET LOCAL ROLE instep_owner;

-- One row: the mode that this ledger belongs to. The first turn pins it; live and test never share a ledger.
CREATE TABLE ops.deployment (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT deployment_one_row CHECK (only_row),
    mode text NOT NULL CONSTRAINT deployment_mode_known CHECK (mode IN ('live', 'test')),
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One pass of one worker over one customer. Entries name their turn; a turn's events name it too.
CREATE TABLE ops.turn (
    id uuid PRIMARY KEY,
    account text NOT NULL,
    subject text NOT NULL,                  -- cus_…, or the object an event without a customer is about
    claim uuid,
    claim_no bigint,
    worker text NOT NULL,
    attempt integer NOT NULL DEFAULT 1,
    mode text,
    api_version text,
    outcome text NOT NULL CONSTRAINT turn_outcome_known CHECK (outcome IN ('applied', 'retrying', 'dead')),
    error_class text,
    error text,
    stripe_reads integer NOT NULL DEFAULT 0,
    objects_count integer NOT NULL DEFAULT 0,
    events_count integer NOT NULL DEFAULT 0, -- events that the turn absorbed, duplicates included
    applied_count integer NOT NULL DEFAULT 0,
    ignored_count integer NOT NULL DEFAULT 0,
    duplicates_count integer NOT NULL DEFAULT 0,
    covered_count integer NOT NULL DEFAULT 0, -- stuck events of earlier turns that this one read for and finished
    entries_count integer NOT NULL DEFAULT 0,
    changes jsonb NOT NULL DEFAULT '[]',    -- [{"what", "before", "after"}]
    missing jsonb NOT NULL DEFAULT '[]',    -- objects that Stripe says do not exist
    started_at timestamptz,
    fetched_at timestamptz,                 -- the last Stripe read of the turn was answered
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX turn_subject ON ops.turn (account, subject, recorded_at);
CREATE INDEX turn_recorded ON ops.turn (recorded_at, id);

CREATE TABLE ops.webhook_event (
    account text NOT NULL,
    id text NOT NULL CONSTRAINT webhook_event_id_length CHECK (length(id) BETWEEN 1 AND 255),
    type text NOT NULL,
    object_id text,
    object_type text,
    customer text,                          -- as the payload said; NULL if it did not
    subject text NOT NULL,                  -- whose turn dealt with it
    lane text NOT NULL DEFAULT 'webhook',
    livemode boolean NOT NULL,
    api_version text,
    snapshot_event text,                    -- of a thin event: the snapshot event of the same change, when it said so
    created_at timestamptz,                 -- by Stripe
    received_at timestamptz,                -- by the ingest
    outcome text NOT NULL
        CONSTRAINT webhook_event_outcome_known CHECK (outcome IN ('applied', 'ignored', 'retrying', 'dead')),
    error_class text,
    error text,
    attempts integer NOT NULL DEFAULT 1,
    next_at timestamptz,                    -- retrying: when it is due
    turn uuid REFERENCES ops.turn (id),     -- applied, ignored: the turn that did; else the last that tried
    first_recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    processed_at timestamptz,               -- NULL until applied or ignored
    PRIMARY KEY (account, id),
    CONSTRAINT webhook_event_done_has_turn
        CHECK (outcome IN ('retrying', 'dead') OR (turn IS NOT NULL AND processed_at IS NOT NULL))
);
CREATE INDEX webhook_event_turn ON ops.webhook_event (turn);
CREATE INDEX webhook_event_id ON ops.webhook_event (id);
CREATE INDEX webhook_event_unsettled ON ops.webhook_event (account, subject) WHERE outcome IN ('retrying', 'dead');

CREATE TABLE ops.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    event_id text NOT NULL,
    subject text NOT NULL,
    class text NOT NULL CONSTRAINT dead_letter_class_known CHECK
        (class IN ('stripe_transient', 'stripe_permanent', 'unknown_user', 'unknown_shape', 'policy', 'bug')),
    error text NOT NULL CONSTRAINT dead_letter_error_short CHECK (length(error) <= 500),
    attempts integer NOT NULL,
    burials integer NOT NULL DEFAULT 1,     -- how often it was buried without having been settled in between
    turn uuid REFERENCES ops.turn (id),     -- the turn that gave up
    buried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retried_at timestamptz,                 -- an operator gave it another chance
    settled_at timestamptz,                 -- NULL: open
    settled_by uuid REFERENCES ops.turn (id),
    FOREIGN KEY (account, event_id) REFERENCES ops.webhook_event (account, id)
);
CREATE UNIQUE INDEX dead_letter_open_once ON ops.dead_letter (account, event_id) WHERE settled_at IS NULL;
CREATE INDEX dead_letter_open_subject ON ops.dead_letter (account, subject) WHERE settled_at IS NULL;
CREATE INDEX dead_letter_event ON ops.dead_letter (account, event_id);

RESET ROLE;
