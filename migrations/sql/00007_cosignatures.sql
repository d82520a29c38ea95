-- What witnesses said of checkpoints: cosignature lines (SPEC, Log), each held
-- for good before it was kept. They only grow, like the rest of the record.

-- +goose Up
CREATE TABLE custody.cosignatures (
    size      bigint NOT NULL REFERENCES custody.checkpoints (size),
    name      text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    key_hash  bytea NOT NULL CHECK (octet_length(key_hash) = 4),
    signature bytea NOT NULL CHECK (octet_length(signature) BETWEEN 9 AND 8192), -- with the time that it begins with
    said      timestamptz NOT NULL, -- that time
    kept_at   timestamptz NOT NULL,
    PRIMARY KEY (size, name, key_hash)
);
CREATE INDEX cosignatures_witness ON custody.cosignatures (name, key_hash, size);

CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON custody.cosignatures FOR EACH ROW EXECUTE FUNCTION custody.refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON custody.cosignatures FOR EACH STATEMENT EXECUTE FUNCTION custody.refuse_change();
ALTER TABLE custody.cosignatures ENABLE ALWAYS TRIGGER append_only_row;
ALTER TABLE custody.cosignatures ENABLE ALWAYS TRIGGER append_only_table;
REVOKE ALL ON custody.cosignatures FROM PUBLIC;
GRANT SELECT, INSERT ON custody.cosignatures TO custody_app;
GRANT SELECT ON custody.cosignatures TO custody_auditor;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
