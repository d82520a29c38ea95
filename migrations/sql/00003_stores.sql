-- Stores of the registrar: work in progress and one-time secrets (hashed). None
-- of it is part of the record.

-- +goose Up
CREATE TABLE custody.uploads (
    id         bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    s3_upload  text NOT NULL CHECK (length(s3_upload) BETWEEN 1 AND 2048),
    bucket     text NOT NULL CHECK (length(bucket) BETWEEN 1 AND 255),
    object_key text NOT NULL CHECK (length(object_key) BETWEEN 1 AND 1024),
    owner_key  bytea NOT NULL CHECK (octet_length(owner_key) = 32),
    case_id    bytea NOT NULL CHECK (octet_length(case_id) = 32),
    parent     bytea CHECK (octet_length(parent) = 32),
    file_name  text NOT NULL CHECK (octet_length(file_name) <= 1024),
    size       bigint NOT NULL CHECK (size > 0),
    part_size  bigint NOT NULL CHECK (part_size > 0),
    frontier   integer NOT NULL DEFAULT 0 CHECK (frontier >= 0), -- parts 1..frontier are durable and hashed
    hash_state bytea NOT NULL CHECK (octet_length(hash_state) <= 65536),
    status     text NOT NULL CHECK (status IN ('open', 'completing', 'finished', 'aborted')),
    finish     bytea, -- the submission with which it is being finished, for recovery
    version    text,  -- of the completed object
    expires    timestamptz NOT NULL,
    created    timestamptz NOT NULL
);
CREATE INDEX uploads_owner ON custody.uploads (owner_key, created);
CREATE INDEX uploads_status ON custody.uploads (status, expires);

CREATE TABLE custody.upload_parts (
    upload bytea NOT NULL REFERENCES custody.uploads (id) ON DELETE CASCADE,
    n      integer NOT NULL CHECK (n BETWEEN 1 AND 10000),
    etag   text NOT NULL CHECK (length(etag) <= 256),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    crc64  bytea NOT NULL CHECK (octet_length(crc64) IN (0, 8)),
    size   bigint NOT NULL CHECK (size > 0),
    leaves bytea NOT NULL CHECK (octet_length(leaves) % 32 = 0), -- block tree leaf hashes of this part
    PRIMARY KEY (upload, n)
);

CREATE TABLE custody.tokens (
    hash    bytea PRIMARY KEY CHECK (octet_length(hash) = 32), -- SHA-256 of the secret
    key     bytea NOT NULL CHECK (octet_length(key) = 32),
    expires timestamptz NOT NULL
);
CREATE INDEX tokens_expires ON custody.tokens (expires);

CREATE TABLE custody.assertions (
    key     bytea NOT NULL CHECK (octet_length(key) = 32),
    jti     text NOT NULL CHECK (length(jti) BETWEEN 1 AND 128),
    expires timestamptz NOT NULL,
    PRIMARY KEY (key, jti)
);
CREATE INDEX assertions_expires ON custody.assertions (expires);

CREATE TABLE custody.invitations (
    hash    bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    purpose text NOT NULL CHECK (purpose IN ('organisation', 'key')),
    org     bytea CHECK (octet_length(org) = 32),
    issuer  bytea CHECK (octet_length(issuer) = 32),
    expires timestamptz NOT NULL,
    used_at timestamptz,
    used_by bytea CHECK (octet_length(used_by) = 32), -- event id
    CHECK ((purpose = 'key') = (org IS NOT NULL))
);

CREATE TABLE custody.reports (
    id      bytea PRIMARY KEY CHECK (octet_length(id) = 32), -- event id of report.issued
    case_id bytea NOT NULL CHECK (octet_length(case_id) = 32),
    org     bytea NOT NULL CHECK (octet_length(org) = 32),
    person  bytea NOT NULL CHECK (octet_length(person) = 32),
    made    timestamptz NOT NULL
);
CREATE TABLE custody.report_files (
    report bytea NOT NULL REFERENCES custody.reports (id),
    name   text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    sha256 bytea NOT NULL CHECK (sha256 = pg_catalog.sha256(bytes)),
    bytes  bytea NOT NULL,
    PRIMARY KEY (report, name)
);

CREATE TABLE custody.idempotency (
    key      bytea NOT NULL CHECK (octet_length(key) = 32), -- the caller's
    name     text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    request  bytea NOT NULL CHECK (octet_length(request) = 32), -- SHA-256 of the request
    answer   bytea, -- null while the request is in flight
    expires  timestamptz NOT NULL,
    PRIMARY KEY (key, name)
);

REVOKE ALL ON custody.uploads, custody.upload_parts, custody.tokens, custody.assertions, custody.invitations,
    custody.reports, custody.report_files, custody.idempotency FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON custody.uploads, custody.upload_parts, custody.tokens, custody.assertions,
    custody.idempotency TO custody_app;
GRANT SELECT, INSERT, UPDATE ON custody.invitations TO custody_app;
GRANT SELECT, INSERT ON custody.reports, custody.report_files TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
