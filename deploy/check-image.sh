#!/usr/bin/env bash
# Builds deploy/Dockerfile and starts the result, where there is neither a Docker daemon nor a registry: as root on
# Debian, with `apt-get install buildah debootstrap`. The base image is a stand-in, Debian's own Python under the
# Dockerfile's name. Everything lives in a temporary folder and is gone afterwards. Ends with 77 where no base can be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
build() { buildah --storage-driver vfs --root "$where/root" --runroot "$where/run" "$@"; }

{ [ "$(id -u)" = 0 ] && command -v buildah >/dev/null \
    && debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$where/base" >"$where/log"; } || exit 77
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
# what is in it is what uv.lock names, at its versions
run python - <<'CHECK'
import sys, tomllib
from importlib.metadata import distributions
locked = {p["name"]: p["version"] for p in tomllib.load(open("uv.lock", "rb"))["package"]}
strange = {d.name: d.version for d in distributions() if locked.get(d.name.lower().replace("_", "-").replace(".", "-")) != d.version}
sys.exit(f"not of uv.lock: {strange}" if strange else 0)
CHECK
run touch /var/lib/bulkhead/journal.sqlite
echo "the image builds and the keeper starts in it"
