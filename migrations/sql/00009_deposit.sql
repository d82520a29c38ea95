-- MD5 and SHA-1 are computed only where the depositor asks for them; a part is
-- known by the leaf hashes of its blocks, which are computed anyway.

-- +goose Up
ALTER TABLE custody.artifacts ALTER COLUMN sha1 DROP NOT NULL, ALTER COLUMN md5 DROP NOT NULL;
ALTER TABLE custody.upload_parts DROP COLUMN sha256, ADD CHECK (octet_length(leaves) > 0);
-- Parts that the store acknowledged and turned out not to have: they are
-- hashed, and are to be sent again with the same bytes.
ALTER TABLE custody.uploads ADD COLUMN lost integer[] NOT NULL DEFAULT '{}';

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
