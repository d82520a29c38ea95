-- The manifest of a segmented image is a founding document, in sha256sum's
-- format: one line for each of up to 14,971 segments.

-- +goose Up
ALTER TABLE custody.documents
    DROP CONSTRAINT documents_type_check,
    ADD CONSTRAINT documents_type_check CHECK (type IN ('case', 'item', 'person', 'grant', 'organisation', 'log', 'key', 'manifest')),
    DROP CONSTRAINT documents_bytes_check,
    ADD CONSTRAINT documents_bytes_check CHECK (octet_length(bytes) BETWEEN 1 AND CASE type WHEN 'manifest' THEN 2097152 ELSE 65536 END);

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
