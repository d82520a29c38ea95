-- Projections: what the chain says, kept at hand. Every row can be made again
-- from the chain, and `Check` does so and compares. The application may change
-- them; the auditor has no need of them.

-- +goose Up
-- One row: how far the log is. Every append locks it first, so replicas append
-- one after another and no index is ever skipped or used twice.
CREATE TABLE custody.log_state (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    size     bigint NOT NULL CHECK (size >= 0),
    root     bytea NOT NULL CHECK (octet_length(root) = 32),
    frontier bytea NOT NULL CHECK (octet_length(frontier) % 32 = 8) -- tlog.Frontier
);
INSERT INTO custody.log_state (one, size, root, frontier) VALUES (true, 0, sha256(''), '\x0000000000000000');

CREATE TABLE custody.chains (
    id      bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    type    text NOT NULL CHECK (type IN ('log', 'organisation', 'key', 'case', 'item', 'observations', 'access', 'grant')),
    seq     bigint NOT NULL CHECK (seq >= 0),
    head    bytea NOT NULL CHECK (octet_length(head) = 32),
    index   bigint NOT NULL CHECK (index >= 0),
    founded bigint NOT NULL CHECK (founded >= 0), -- index of the chain's first event
    state   jsonb NOT NULL,
    case_id bytea CHECK (octet_length(case_id) = 32), -- the case it belongs to, a case's own id included
    about   bytea CHECK (octet_length(about) = 32),   -- observation and access chains: the item or case
    org     bytea CHECK (octet_length(org) = 32)      -- case: agency; item: holder's; key: its own; grant: grantee
);
CREATE INDEX chains_type ON custody.chains (type, founded);
CREATE INDEX chains_case ON custody.chains (case_id, type, founded);
CREATE INDEX chains_org ON custody.chains (org, type, founded);
CREATE INDEX chains_about ON custody.chains (about);

-- Who has a part in a case, and through what: decides who may see it. Empty
-- item: the whole case; empty person: anybody of the organisation.
CREATE TABLE custody.parts (
    case_id bytea NOT NULL CHECK (octet_length(case_id) = 32),
    item    bytea NOT NULL CHECK (octet_length(item) IN (0, 32)),
    org     bytea NOT NULL CHECK (octet_length(org) = 32),
    person  bytea NOT NULL CHECK (octet_length(person) IN (0, 32)),
    part    text NOT NULL CHECK (part IN ('agency', 'holder', 'recipient', 'grantee-bytes', 'grantee-record')),
    index   bigint NOT NULL CHECK (index >= 0), -- the event that gave it
    expires timestamptz,
    PRIMARY KEY (case_id, item, org, person, part, index)
);
CREATE INDEX parts_org ON custody.parts (org, case_id);

REVOKE ALL ON custody.log_state, custody.chains, custody.parts FROM PUBLIC;
GRANT SELECT, UPDATE ON custody.log_state TO custody_app;
GRANT SELECT, INSERT, UPDATE ON custody.chains TO custody_app;
GRANT SELECT, INSERT ON custody.parts TO custody_app;

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
