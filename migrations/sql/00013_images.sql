-- Which images the service still has to decode, and what it said of those that
-- it did. The record is the events; this is where they are looked up, and
-- custodyd check compares. Every artifact has a row from its deposit on: whether
-- it is an image is seen from its bytes.

-- +goose Up
CREATE TABLE custody.images (
    item       bytea PRIMARY KEY CHECK (octet_length(item) = 32),
    -- What the newest image.read says; other: it is no image in the Expert Witness
    -- format; erased: its item was disposed of before it was read.
    outcome    text CHECK (outcome IN ('whole', 'damaged', 'unreadable', 'other', 'erased')),
    event      bytea CHECK (octet_length(event) = 32), -- its id
    CHECK ((event IS NOT NULL) = (outcome IS NOT NULL AND outcome IN ('whole', 'damaged', 'unreadable'))),
    -- Whose turn it is, where there is no outcome.
    not_before timestamptz NOT NULL,             -- the deposit, or after a try that came to nothing
    tries      integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    holder     text,                             -- the process that reads
    held_until timestamptz NOT NULL DEFAULT '-infinity' -- then another may take over
);
CREATE INDEX images_turn ON custody.images (not_before, item) WHERE outcome IS NULL;

INSERT INTO custody.images (item, not_before) SELECT item, stored_at FROM custody.artifacts;

REVOKE ALL ON custody.images FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON custody.images TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
