-- Encryption at rest: the data key of each object, wrapped by a key-encryption
-- key that is not here. Neither table is part of the record. What is gone from
-- them is gone: so a data key is deleted only with its item's disposal in the
-- log, or with an upload that never became evidence.

-- +goose Up
ALTER TABLE custody.artifacts
    DROP CONSTRAINT artifacts_encoding_check,
    ADD CONSTRAINT artifacts_encoding_check CHECK (encoding IN ('plain', 'dare-blocks'));

ALTER TABLE custody.uploads ADD COLUMN encoding text NOT NULL DEFAULT 'plain' CHECK (encoding IN ('plain', 'dare-blocks'));

CREATE TABLE custody.wrapping_keys (
    id          text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 512),
    check_value bytea NOT NULL CHECK (octet_length(check_value) BETWEEN 32 AND 1024), -- a data key of nothing, wrapped: shows whether the right key is at hand
    made        timestamptz NOT NULL,
    current     boolean NOT NULL,
    retired     timestamptz, -- nothing is wrapped by it any more, and never will be
    CHECK (NOT current OR retired IS NULL)
);
CREATE UNIQUE INDEX wrapping_keys_current ON custody.wrapping_keys (current) WHERE current;

CREATE TABLE custody.data_keys (
    object_key text PRIMARY KEY CHECK (length(object_key) BETWEEN 1 AND 1024),
    wrapping   text NOT NULL REFERENCES custody.wrapping_keys (id),
    wrapped    bytea NOT NULL CHECK (octet_length(wrapped) BETWEEN 32 AND 1024)
);
CREATE INDEX data_keys_wrapping ON custody.data_keys (wrapping, object_key);

-- Disposals are few, and looked for at every start: was each carried out?
CREATE INDEX events_disposed ON custody.events (index) WHERE kind = 'item.disposed';

-- A lost data key is lost evidence, whoever asks.
-- +goose StatementBegin
CREATE FUNCTION custody.guard_data_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM custody.artifacts a WHERE a.key = OLD.object_key AND NOT EXISTS (
                SELECT FROM custody.links l JOIN custody.events e ON e.index = l.index WHERE l.chain = a.item AND e.kind = 'item.disposed'))
            OR EXISTS (SELECT FROM custody.uploads u WHERE u.object_key = OLD.object_key AND u.status IN ('open', 'completing')) THEN
            RAISE EXCEPTION 'the data key of % is needed: its item is not disposed of', OLD.object_key USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.object_key <> OLD.object_key THEN
        RAISE EXCEPTION 'a data key never moves to another object' USING ERRCODE = 'restrict_violation';
    END IF;
    -- The lock keeps the wrapping key from being retired meanwhile.
    PERFORM FROM custody.wrapping_keys w WHERE w.id = NEW.wrapping AND w.retired IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key-encryption key % is not in use', NEW.wrapping USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION custody.guard_wrapping_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.check_value <> OLD.check_value OR NEW.made <> OLD.made OR OLD.retired IS NOT NULL THEN
        RAISE EXCEPTION 'a key-encryption key stays what it is' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.retired IS NOT NULL AND EXISTS (SELECT FROM custody.data_keys d WHERE d.wrapping = NEW.id) THEN
        RAISE EXCEPTION 'data keys are wrapped by the key-encryption key %', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER guard_row BEFORE INSERT OR UPDATE OR DELETE ON custody.data_keys FOR EACH ROW EXECUTE FUNCTION custody.guard_data_key();
CREATE TRIGGER guard_row BEFORE UPDATE ON custody.wrapping_keys FOR EACH ROW EXECUTE FUNCTION custody.guard_wrapping_key();
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['wrapping_keys', 'data_keys'] LOOP
        EXECUTE format('CREATE TRIGGER guard_table BEFORE TRUNCATE ON custody.%I FOR EACH STATEMENT EXECUTE FUNCTION custody.refuse_change()', t);
        EXECUTE format('ALTER TABLE custody.%I ENABLE ALWAYS TRIGGER guard_row', t);
        EXECUTE format('ALTER TABLE custody.%I ENABLE ALWAYS TRIGGER guard_table', t);
        EXECUTE format('REVOKE ALL ON custody.%I FROM PUBLIC', t);
    END LOOP;
END
$$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE, DELETE ON custody.data_keys TO custody_app;
GRANT SELECT, INSERT, UPDATE ON custody.wrapping_keys TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
