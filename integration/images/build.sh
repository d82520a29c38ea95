#!/usr/bin/env bash
# Builds container images for the tests where none can be pulled, and prints
# their names, one a line:
#
#   integration/images/build.sh minio postgres custodyd
#
# minio     an S3 server with Object Lock, static on an empty root, from its Go
#           module; Silo, which compose.yaml names, is a fork of it
# postgres  Debian with PostgreSQL, taking the settings of the image of that name
# custodyd  this tree's service, by the runtime target of its Dockerfile
#
# An image's tag is the hash of its recipe: what was built once is not built
# again. Binaries and root file systems are kept in $CUSTODY_IMAGE_CACHE
# (default: custodyd-images in the user's cache directory, else in /var/cache).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

minio_module=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
debian_mirror=${CUSTODY_DEBIAN_MIRROR:-http://deb.debian.org/debian}
debian_suite=bookworm
postgres_major=15

if [ -n "${CUSTODY_IMAGE_CACHE:-}" ]; then cache=$CUSTODY_IMAGE_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME/custodyd-images
elif [ -n "${HOME:-}" ]; then cache=$HOME/.cache/custodyd-images
else cache=/var/cache/custodyd-images; fi
mkdir -p "$cache"

# What a step says goes to stderr, and only if it fails.
quietly() {
  local log; log=$(mktemp)
  "$@" >"$log" 2>&1 || { echo "failed: $*" >&2; tail -n 30 "$log" >&2; rm -f "$log"; return 1; }
  rm -f "$log"
}
say() { echo "images: $*" >&2; }
hash_of() { sha256sum | cut -c1-16; }
# The lines of this file from "$1() {" to the function's end: its recipe.
recipe() { sed -n "/^$1() {/,/^}/p" "$here/build.sh"; }

# made NAME: prints the image's name if Docker has it.
made() { docker image inspect "$1" >/dev/null 2>&1 && echo "$1"; }

import() { # name, tar, changes…
  local name=$1 tar=$2 args=(); shift 2
  for c in "$@"; do args+=(--change "$c"); done
  quietly docker import "${args[@]}" "$tar" "$name"
  echo "$name"
}

minio() {
  local key name dir
  key=$( { echo "$minio_module"; go env GOVERSION GOARCH; recipe minio; } | hash_of)
  name=custody-test/minio:$key
  made "$name" && return
  if [ ! -x "$cache/minio-$key" ]; then
    say "building MinIO, some minutes, once"
    dir=$(mktemp -d "$cache/.minio-XXXXXX")
    # An environment of its own: neither this module's flags nor a vendor
    # directory have to do with it. The module is checked against the sum database.
    (cd "$dir" && quietly env -u GOOS -u GOARCH GOBIN="$dir" CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOWORK=off \
      go install -trimpath -ldflags '-s -w' "$minio_module") || { rm -rf "$dir"; return 1; }
    mv "$dir/minio" "$cache/minio-$key"
    rm -rf "$dir"
  fi
  dir=$(mktemp -d "$cache/.image-XXXXXX")
  mkdir -p "$dir/data" "$dir/tmp" "$dir/etc"
  chmod 1777 "$dir/tmp"
  chmod 755 "$dir"
  echo 'root:x:0:0:root:/tmp:/minio' >"$dir/etc/passwd"
  cp --reflink=auto "$cache/minio-$key" "$dir/minio"
  tar -C "$dir" --owner=0 --group=0 --numeric-owner -cf "$cache/.minio-$key.tar" .
  import "$name" "$cache/.minio-$key.tar" 'ENTRYPOINT ["/minio"]' 'CMD ["server", "/data"]' 'ENV HOME=/tmp' 'EXPOSE 9000' 'VOLUME /data'
  rm -rf "$dir" "$cache/.minio-$key.tar"
}

# debian_root TAR: a Debian root with PostgreSQL.
debian_root() {
  local dir
  [ "$(id -u)" = 0 ] || { say "debootstrap needs root"; return 1; }
  say "building a Debian root with PostgreSQL, about two minutes, once"
  dir=$(mktemp -d "$cache/.debian-XXXXXX")
  quietly debootstrap --variant=minbase --include="postgresql-$postgres_major" "$debian_suite" "$dir" "$debian_mirror" ||
    { rm -rf --one-file-system "$dir"; return 1; }
  mkdir -p "$dir/docker-entrypoint-initdb.d" "$dir/var/lib/postgresql/data"
  chroot "$dir" chown postgres:postgres /var/lib/postgresql/data
  chmod 755 "$dir"
  # Without the just-in-time compiler, which is as large as all the rest.
  tar -C "$dir" --one-file-system -cf "$1.part" \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' \
    --exclude='./var/cache/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/lib/*/libLLVM*' \
    --exclude="./usr/lib/postgresql/$postgres_major/lib/bitcode" --exclude="./usr/lib/postgresql/$postgres_major/lib/llvmjit*" \
    --exclude="./var/lib/postgresql/$postgres_major" .
  rm -rf --one-file-system "$dir"
  mv "$1.part" "$1"
}

postgres() {
  local base key name tar
  base=$( { echo "$debian_suite $postgres_major"; recipe debian_root; } | hash_of)
  key=$( { echo "$base"; recipe postgres; cat "$here/postgres-entrypoint.sh"; } | hash_of)
  name=custody-test/postgres:$postgres_major-$key
  made "$name" && return
  [ -f "$cache/debian-$base.tar" ] || debian_root "$cache/debian-$base.tar"
  tar=$cache/.postgres-$key.tar
  cp --reflink=auto "$cache/debian-$base.tar" "$tar"
  tar -C "$here" --owner=0 --group=0 --mode=755 --transform='s,.*,./usr/local/bin/docker-entrypoint.sh,' -rf "$tar" postgres-entrypoint.sh
  import "$name" "$tar" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' 'EXPOSE 5432' 'VOLUME /var/lib/postgresql/data' \
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$postgres_major/bin" \
    'ENV LANG=C.UTF-8' 'ENV PGDATA=/var/lib/postgresql/data'
  rm -f "$tar"
}

custodyd() {
  local key name dir
  dir=$(mktemp -d "$cache/.custodyd-XXXXXX")
  (cd "$root" && quietly env CGO_ENABLED=0 go build -trimpath -o "$dir/custodyd" ./cmd/custodyd) || { rm -rf "$dir"; return 1; }
  mkdir "$dir/state"
  cp "$root/cmd/custodyd/Dockerfile" "$dir/Dockerfile"
  key=$( (cd "$dir" && cat custodyd Dockerfile) | hash_of)
  name=custody-test/custodyd:$key
  made "$name" || { quietly docker build -q -t "$name" --target runtime --build-arg BINARY=custodyd --build-arg STATE=state "$dir" && echo "$name"; } ||
    { rm -rf "$dir"; return 1; }
  rm -rf "$dir"
}

[ $# -gt 0 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2; }
for image in "$@"; do
  case $image in
    minio | postgres | custodyd)
      # One builder at a time per image; the next one finds it made.
      (flock 9; "$image" 9>&-) 9>"$cache/.lock-$image" ;;
    *) say "no image is called $image"; exit 2 ;;
  esac
done
