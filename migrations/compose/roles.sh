#!/bin/sh
# Run once by the postgres image, as its administrator: the roles and rights
# that package migrations asks an administrator for. Passwords come from files.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -v app="$(cat /run/secrets/app)" -v migrator="$(cat /run/secrets/migrator)" <<'SQL'
CREATE ROLE custody_owner NOLOGIN;
CREATE ROLE custody_migrator LOGIN PASSWORD :'migrator' IN ROLE custody_owner;
CREATE ROLE custody_app LOGIN PASSWORD :'app';
CREATE ROLE custody_auditor NOLOGIN;
GRANT CREATE ON DATABASE custody TO custody_owner;
SQL
