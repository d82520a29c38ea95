-- What time-stamping authorities said: RFC 3161 tokens of checkpoints' three
-- lines and of events' signatures (SPEC, Timestamps), as they are kept. They
-- only grow, like the rest of the record.

-- +goose Up
CREATE TABLE custody.checkpoint_timestamps (
    sha256    bytea PRIMARY KEY CHECK (sha256 = pg_catalog.sha256(token)),
    size      bigint NOT NULL REFERENCES custody.checkpoints (size),
    authority text NOT NULL CHECK (length(authority) BETWEEN 1 AND 253), -- as configured: not proof of anything
    token     bytea NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 16384),
    said      timestamptz NOT NULL, -- the time that the token says
    kept_at   timestamptz NOT NULL,
    UNIQUE (size, authority)
);
CREATE INDEX checkpoint_timestamps_authority ON custody.checkpoint_timestamps (authority, size);

CREATE TABLE custody.event_timestamps (
    sha256    bytea PRIMARY KEY CHECK (sha256 = pg_catalog.sha256(token)),
    index     bigint NOT NULL REFERENCES custody.events (index),
    authority text NOT NULL CHECK (length(authority) BETWEEN 1 AND 253),
    token     bytea NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 16384),
    said      timestamptz NOT NULL,
    kept_at   timestamptz NOT NULL,
    UNIQUE (index, authority)
);

-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['checkpoint_timestamps', 'event_timestamps'] LOOP
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
