-- The audit chain: append-only, by grants (custody_app has SELECT and INSERT
-- alone) and by triggers that also bind the owner and, being ENABLE ALWAYS, a
-- superuser with session_replication_role = replica. A superuser can still drop
-- a trigger; what is changed then, the Merkle log and its signatures show.
--
-- Exact signed bytes are bytea. Columns beside them are an index, and the CHECK
-- constraints hold the index to the bytes where SQL can compute it.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION custody.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of custody.% is refused: the audit chain is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

CREATE TABLE custody.events (
    index       bigint PRIMARY KEY CHECK (index >= 0),
    event_id    bytea NOT NULL UNIQUE,
    leaf        bytea NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 65535),
    leaf_hash   bytea NOT NULL UNIQUE CHECK (leaf_hash = sha256('\x00'::bytea || leaf)),
    payload     bytea NOT NULL CHECK (octet_length(payload) BETWEEN 1 AND 262144),
    signature   bytea NOT NULL CHECK (octet_length(signature) BETWEEN 8 AND 72),
    spki        bytea NOT NULL CHECK (octet_length(spki) BETWEEN 1 AND 256),
    kind        text NOT NULL CHECK (kind IN (
        'log.genesis', 'org.founded', 'key.requested', 'key.certified', 'key.revoked',
        'case.opened', 'item.registered', 'artifact.deposited', 'artifact.received', 'deposit.refused',
        'custody.released', 'custody.accepted', 'custody.declined', 'custody.recalled', 'act.approved', 'custody.assumed',
        'access.granted', 'access.requested', 'access.served', 'verification.recorded', 'opinion.filed',
        'correction.recorded', 'report.issued')),
    appended_at timestamptz NOT NULL,
    -- SHA-256 of the DSSE pre-authentication encoding.
    CHECK (event_id = sha256(convert_to('DSSEv1 28 application/vnd.in-toto+json ' || octet_length(payload) || ' ', 'UTF8') || payload))
);
CREATE INDEX events_kind ON custody.events (kind, index);

-- Two events with one (chain, seq) are proof of fraud; the primary key refuses
-- them whatever the code above it does.
CREATE TABLE custody.links (
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    seq   bigint NOT NULL CHECK (seq >= 0),
    index bigint NOT NULL CHECK (index >= 0),
    PRIMARY KEY (chain, seq)
);
CREATE INDEX links_index ON custody.links (index);

CREATE TABLE custody.keys (
    id    bytea PRIMARY KEY CHECK (id = sha256(spki)),
    spki  bytea NOT NULL CHECK (octet_length(spki) BETWEEN 1 AND 256),
    index bigint NOT NULL CHECK (index >= 0) -- the event that introduced it
);

CREATE TABLE custody.details (
    sha256 bytea PRIMARY KEY CHECK (sha256 = pg_catalog.sha256(bytes)),
    bytes  bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 65536)
);
CREATE TABLE custody.event_details (
    index  bigint NOT NULL REFERENCES custody.events (index),
    field  text NOT NULL CHECK (length(field) BETWEEN 1 AND 64),
    sha256 bytea NOT NULL REFERENCES custody.details (sha256),
    PRIMARY KEY (index, field)
);

CREATE TABLE custody.documents (
    sha256 bytea PRIMARY KEY CHECK (sha256 = pg_catalog.sha256(bytes)),
    type   text NOT NULL CHECK (type IN ('case', 'item', 'person', 'grant', 'organisation', 'log', 'key')),
    bytes  bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 65536)
);
CREATE TABLE custody.event_documents (
    index  bigint NOT NULL REFERENCES custody.events (index),
    sha256 bytea NOT NULL REFERENCES custody.documents (sha256),
    PRIMARY KEY (index, sha256)
);
CREATE INDEX event_documents_sha256 ON custody.event_documents (sha256);

-- Complete tiles of 256 hashes. Level 0 holds leaf hashes; level L+1's hashes
-- are the roots of level L's tiles. What is not a complete tile yet is read
-- from events (level 0) or from the roots of the level below.
CREATE TABLE custody.tiles (
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    n      bigint NOT NULL CHECK (n >= 0),
    root   bytea NOT NULL CHECK (octet_length(root) = 32),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, n)
);

CREATE TABLE custody.checkpoints (
    size         bigint PRIMARY KEY CHECK (size > 0),
    root         bytea NOT NULL CHECK (octet_length(root) = 32),
    note         bytea NOT NULL CHECK (octet_length(note) BETWEEN 1 AND 65536),
    published_at timestamptz NOT NULL
);

-- What was stored: the commit point of a deposit is the transaction that
-- inserts this row with its artifact.deposited and artifact.received.
CREATE TABLE custody.artifacts (
    item           bytea PRIMARY KEY CHECK (octet_length(item) = 32),
    case_id        bytea NOT NULL CHECK (octet_length(case_id) = 32),
    sha256         bytea NOT NULL CHECK (octet_length(sha256) = 32),
    size           bigint NOT NULL CHECK (size > 0),
    block_root     bytea NOT NULL CHECK (octet_length(block_root) = 32),
    sha1           bytea NOT NULL CHECK (octet_length(sha1) = 20),
    md5            bytea NOT NULL CHECK (octet_length(md5) = 16),
    bucket         text NOT NULL CHECK (length(bucket) BETWEEN 1 AND 255),
    key            text NOT NULL CHECK (length(key) BETWEEN 1 AND 1024),
    version        text NOT NULL CHECK (length(version) <= 1024),
    encoding       text NOT NULL CHECK (encoding IN ('plain')),
    retention_mode text NOT NULL CHECK (retention_mode IN ('COMPLIANCE', 'GOVERNANCE')),
    retain_until   timestamptz NOT NULL,
    block_leaves   bytea NOT NULL CHECK (octet_length(block_leaves) % 32 = 0
        AND octet_length(block_leaves) / 32 = (size + 8388607) / 8388608),
    stored_at      timestamptz NOT NULL,
    UNIQUE (bucket, key)
);
CREATE INDEX artifacts_sha256 ON custody.artifacts (sha256);

-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['events', 'links', 'keys', 'details', 'event_details', 'documents', 'event_documents',
                             'tiles', 'checkpoints', 'artifacts'] LOOP
        EXECUTE format('CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON custody.%I FOR EACH ROW EXECUTE FUNCTION custody.refuse_change()', t);
        EXECUTE format('CREATE TRIGGER append_only_table BEFORE TRUNCATE ON custody.%I FOR EACH STATEMENT EXECUTE FUNCTION custody.refuse_change()', t);
        EXECUTE format('ALTER TABLE custody.%I ENABLE ALWAYS TRIGGER append_only_row', t);
        EXECUTE format('ALTER TABLE custody.%I ENABLE ALWAYS TRIGGER append_only_table', t);
        EXECUTE format('REVOKE ALL ON custody.%I FROM PUBLIC', t);
        EXECUTE format('GRANT SELECT, INSERT ON custody.%I TO custody_app', t);
        EXECUTE format('GRANT SELECT ON custody.%I TO custody_auditor', t);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
