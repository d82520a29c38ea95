-- What an append writes, and no more. Each commit costs what its rows, its
-- indexes and its checks cost; what can be derived from the exact bytes is
-- derived, and Check compares.

-- +goose Up

-- A checkpoint is the head (size and root) that a commit left, written by that
-- commit. What the log's keys sign over it is deterministic, so any replica
-- makes the same note from it at any time after the commit.
ALTER TABLE custody.checkpoints DROP COLUMN note;

-- Notes that were signed, kept for those who read without the keys. Not every
-- checkpoint's is kept: the newest is, at the latest a moment after the commit.
CREATE TABLE custody.notes (
    size    bigint PRIMARY KEY CHECK (size > 0),
    note    bytea NOT NULL CHECK (octet_length(note) BETWEEN 1 AND 65536),
    kept_at timestamptz NOT NULL
);
CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON custody.notes FOR EACH ROW EXECUTE FUNCTION custody.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON custody.notes FOR EACH STATEMENT EXECUTE FUNCTION custody.refuse_change();
ALTER TABLE custody.notes ENABLE ALWAYS TRIGGER append_only_row;
ALTER TABLE custody.notes ENABLE ALWAYS TRIGGER append_only_table;
REVOKE ALL ON custody.notes FROM PUBLIC;
GRANT SELECT, INSERT ON custody.notes TO custody_app;
GRANT SELECT ON custody.notes TO custody_auditor;

-- Which details and documents an event has, its statement says by digest.
-- Their rows cannot go (append-only), and Check asks for each by its digest.
DROP TABLE custody.event_details, custody.event_documents;

-- A leaf is made of the payload's digest, the signature and the key, which all
-- stand in the row. The CHECK that tied leaf_hash to it tied it to nothing
-- that was signed; Check and every start compute it from the bytes.
ALTER TABLE custody.events DROP COLUMN leaf;
ALTER TABLE custody.events ADD CHECK (octet_length(leaf_hash) = 32);
-- Payloads are mostly digests, which do not compress; up to 4 KiB they stay in
-- their row.
ALTER TABLE custody.events ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE custody.events SET (toast_tuple_target = 4080);

-- Only these kinds are ever looked for by kind.
DROP INDEX custody.events_kind;
CREATE INDEX events_kind ON custody.events (kind, index)
    WHERE kind IN ('log.genesis', 'artifact.received', 'deposit.refused', 'log.time', 'log.recovered');

-- Rows lie in the order of index: which chains a range of events advanced is
-- what a replica asks that follows another.
DROP INDEX custody.links_index;
CREATE INDEX links_index ON custody.links USING brin (index) WITH (pages_per_range = 8, autosummarize = on);

-- A chain's row changes with each of its events, in none of what is indexed:
-- room on the page keeps the indexes out of it. The state is kept as it was
-- encoded; nothing asks the database what it says.
ALTER TABLE custody.chains SET (fillfactor = 80);
ALTER TABLE custody.chains ALTER COLUMN state TYPE json USING state::text::json;
DROP INDEX custody.chains_type, custody.chains_case, custody.chains_org, custody.chains_about;
CREATE INDEX chains_type ON custody.chains (type, founded) WHERE type = 'organisation';
CREATE INDEX chains_case ON custody.chains (case_id, founded) WHERE case_id IS NOT NULL;
CREATE INDEX chains_org ON custody.chains (org, founded) WHERE type = 'key';

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
