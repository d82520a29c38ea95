-- The read API: how far the log's complete tiles and entry bundles are in the
-- object store, and who may read entries from outside. None of it is part of
-- the record.

-- +goose Up
-- What is in the store can be found again by looking there: a row that lags
-- only lets the same bytes be compared once more.
CREATE TABLE custody.shelved (
    level smallint PRIMARY KEY CHECK (level BETWEEN -1 AND 7), -- of tiles; -1: entry bundles
    n     bigint NOT NULL CHECK (n >= 0)                       -- tiles 0..n-1 of this level are in the store
);
INSERT INTO custody.shelved (level, n) SELECT level, 0 FROM generate_series(-1, 7) AS level;

-- Tokens of auditors, which open entry bundles and nothing else.
CREATE TABLE custody.auditors (
    hash    bytea PRIMARY KEY CHECK (octet_length(hash) = 32), -- SHA-256 of the secret
    name    text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    issued  timestamptz NOT NULL,
    expires timestamptz NOT NULL CHECK (expires > issued),
    revoked timestamptz
);

REVOKE ALL ON custody.shelved, custody.auditors FROM PUBLIC;
GRANT SELECT, UPDATE ON custody.shelved TO custody_app;
GRANT SELECT, INSERT, UPDATE ON custody.auditors TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
