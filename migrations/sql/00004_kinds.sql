-- Kinds that version 1 of the record gained before its release: timestamps and
-- recoveries of the log, status lists of organisations, confirmations of
-- custody. They use the chain types that are there.

-- +goose Up
ALTER TABLE custody.events
    DROP CONSTRAINT events_kind_check,
    ADD CONSTRAINT events_kind_check CHECK (kind IN (
        'log.genesis', 'log.time', 'log.recovered',
        'org.founded', 'key.requested', 'key.certified', 'key.revoked', 'org.status',
        'case.opened', 'item.registered', 'artifact.deposited', 'artifact.received', 'deposit.refused',
        'custody.released', 'custody.accepted', 'custody.declined', 'custody.recalled', 'act.approved', 'custody.assumed',
        'custody.confirmed',
        'access.granted', 'access.requested', 'access.served', 'verification.recorded', 'opinion.filed',
        'correction.recorded', 'report.issued'));

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN RAISE EXCEPTION 'the audit chain is never taken down'; END $$;
-- +goose StatementEnd
