#!/bin/sh
# Starts PostgreSQL in a container as the image "postgres" does, as far as this
# project uses it: POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD(_FILE),
# POSTGRES_INITDB_ARGS, PGDATA, and scripts in /docker-entrypoint-initdb.d that
# run once, after the first start and before anybody can connect.
set -eu

if [ "${1:-}" != postgres ]; then exec "$@"; fi
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

export POSTGRES_USER="${POSTGRES_USER:-postgres}"
export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=$(mktemp)
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then cat "$POSTGRES_PASSWORD_FILE" >"$password"
  elif [ -n "${POSTGRES_PASSWORD:-}" ]; then printf '%s' "$POSTGRES_PASSWORD" >"$password"
  else echo "say POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE" >&2; exit 1; fi
  # What was made half, by a first start that was killed, is made anew: nobody
  # could connect to it yet.
  rm -rf "$PGDATA"/* "$PGDATA"/.[!.]* 2>/dev/null || true
  making=$PGDATA/making
  mkdir -m 700 "$making"
  # shellcheck disable=SC2086
  initdb -D "$making" -U "$POSTGRES_USER" --pwfile="$password" ${POSTGRES_INITDB_ARGS:-} >/dev/null
  rm -f "$password"
  printf '\nhost all all all scram-sha-256\n' >>"$making/pg_hba.conf"
  pg_ctl -D "$making" -w -s -o "-c listen_addresses= -c fsync=off" start
  if [ "$POSTGRES_DB" != postgres ]; then
    psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v db="$POSTGRES_DB" <<'SQL'
CREATE DATABASE :"db";
SQL
  fi
  for f in /docker-entrypoint-initdb.d/*; do
    case $f in
      *.sh) echo "running $f"; sh "$f" ;;
      *.sql) echo "running $f"; psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$f" ;;
    esac
  done
  pg_ctl -D "$making" -w -s -m fast stop
  rm -f "$making/postmaster.pid"
  for f in "$making"/* "$making"/.[!.]*; do
    [ ! -e "$f" ] || [ "${f##*/}" = PG_VERSION ] || mv "$f" "$PGDATA/"
  done
  sync
  mv "$making/PG_VERSION" "$PGDATA/PG_VERSION" # the last: from now on it is a database
  rmdir "$making"
fi
shift
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
