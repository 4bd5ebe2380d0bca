#!/usr/bin/env bash
# Builds deploy/Dockerfile and starts the result, where there is neither a Docker daemon nor a registry: as root on
# Debian, with `apt-get install buildah debootstrap`. The base image is a stand-in, Debian's own Python under the
# Dockerfile's name. Everything lives in a temporary folder and is gone afterwards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
build() { buildah --storage-driver vfs --root "$where/root" --runroot "$where/run" "$@"; }

debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates bookworm "$where/base" >"$where/log"
rm -f "$where"/base/usr/lib/python3*/EXTERNALLY-MANAGED
ln -s python3 "$where/base/usr/bin/python"
cp /etc/ssl/certs/ca-certificates.crt "$where/base/etc/ssl/certs/"
tar -C "$where/base" -cf "$where/base.tar" .
base=$(build from scratch)
build add -q "$base" "$where/base.tar" / >/dev/null
build commit -q "$base" "docker.io/library/$(sed -n 's/^FROM //p' deploy/Dockerfile)" >/dev/null

mkdir "$where/context"
git archive HEAD | tar -x -C "$where/context"
build build --isolation chroot --pull-never -f deploy/Dockerfile -t bulkhead-keeper "$where/context"
keeper=$(build from localhost/bulkhead-keeper | tail -1)
run() { build run --isolation chroot "$keeper" -- "$@"; }
[ "$(run id -u)" != 0 ] || { echo "the keeper runs as root"; exit 1; }
run bulkhead keeper run --help >/dev/null
run python -c "import bulkhead.keeper.shard"
run touch /var/lib/bulkhead/journal.sqlite
echo "the image builds and the keeper starts in it"
