-- How the store's copies of artifacts were last found, and the reading back
-- that is in hand. The record is the events; this is where they are looked up,
-- and custodyd check compares. Every artifact has a row from its deposit on.

-- +goose Up
-- The kinds of this migration and of those of the same release, which may be
-- applied before or after it.
ALTER TABLE custody.events
    DROP CONSTRAINT events_kind_check,
    ADD CONSTRAINT events_kind_check CHECK (kind IN (
        'log.genesis', 'log.time', 'log.recovered',
        'org.founded', 'key.requested', 'key.certified', 'key.revoked', 'org.status',
        'case.opened', 'item.registered', 'artifact.deposited', 'artifact.received', 'deposit.refused',
        'fixity.passed', 'fixity.failed', 'fixity.unchecked',
        'image.read', 'item.disposed', 'artifact.erased',
        'custody.released', 'custody.accepted', 'custody.declined', 'custody.recalled', 'act.approved', 'custody.assumed',
        'custody.confirmed',
        'access.granted', 'access.requested', 'access.served', 'verification.recorded', 'opinion.filed',
        'correction.recorded', 'report.issued'));

CREATE TABLE custody.fixity (
    item       bytea PRIMARY KEY CHECK (octet_length(item) = 32),
    -- What the events say.
    since      timestamptz NOT NULL, -- when it was last told apart, by a whole reading back or the deposit
    whole      timestamptz NOT NULL, -- when it was last found as deposited
    result     text CHECK (result IN ('passed', 'failed', 'unchecked')), -- of the newest fixity event; null: none yet
    event      bytea CHECK (octet_length(event) = 32),                   -- its id
    told       timestamptz,                                              -- its time
    CHECK ((result IS NULL) = (event IS NULL) AND (result IS NULL) = (told IS NULL)),
    -- Whose turn it is.
    turn       timestamptz NOT NULL, -- since, or -infinity for what is to be read next
    not_before timestamptz NOT NULL DEFAULT '-infinity', -- after a try that came to nothing
    holder     text,                 -- the process that reads
    held_until timestamptz NOT NULL DEFAULT '-infinity', -- then another may take over
    -- The reading in hand.
    began      timestamptz,
    next_block bigint NOT NULL DEFAULT 0 CHECK (next_block >= 0), -- those before it were read and compared
    bad_count  bigint NOT NULL DEFAULT 0 CHECK (bad_count BETWEEN 0 AND next_block),
    bad        bigint[] NOT NULL DEFAULT '{}' CHECK (cardinality(bad) <= 256), -- the first of the bad ones
    short      boolean NOT NULL DEFAULT false -- of them, some are past the copy's end
);
CREATE INDEX fixity_turn ON custody.fixity (turn, item);

INSERT INTO custody.fixity (item, since, whole, turn) SELECT item, stored_at, stored_at, stored_at FROM custody.artifacts;

REVOKE ALL ON custody.fixity FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON custody.fixity TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
