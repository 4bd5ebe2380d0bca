#!/usr/bin/env bash
# Set-up on first use: a virtual environment from uv.lock, Anvil from package-lock.json. `make` runs it when a lock changed.
# Everything stays inside the project folder; PyPI and the npm registry are the only sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

UV_VERSION=0.13.9
BUILD=.build

stop() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

say() {
    printf 'setup: %s\n' "$1" >&2
}

# --- Python ---------------------------------------------------------------------------------------------------
# Ape's numpy has no wheels beyond 3.12, so a newer interpreter would compile it for minutes or fail.
python=
for candidate in ${PYTHON:-} python3.11 python3.12 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || stop "Python 3.11 or 3.12 is needed and neither was found; install python3.11 or python3.12 (with its venv module), or name one with PYTHON=path."
python=$("$python" -c 'import sys; print(sys.executable)')

# --- Anvil's carrier ------------------------------------------------------------------------------------------
platform="$(uname -s)-$(uname -m)"
if [ "$platform" = Linux-x86_64 ]; then
    command -v node >/dev/null 2>&1 || stop "Node 20 or newer is needed and no 'node' was found; install nodejs and npm."
    node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' \
        || stop "Node 20 or newer is needed, but 'node' is $(node --version)."
    command -v npm >/dev/null 2>&1 || stop "npm is needed and was not found; install npm."
else
    command -v anvil >/dev/null 2>&1 \
        || stop "Anvil comes from npm only on Linux x86-64 and this is $platform; install Foundry's 'anvil' and put it on PATH."
fi

# --- uv, in an environment of its own so that it never appears in the project's ----------------------------------
mkdir -p "$BUILD"
if [ "$("$BUILD/uv/bin/uv" --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    say "uv, into $BUILD (1 of 4)"
    rm -rf "$BUILD/uv"
    "$python" -m venv "$BUILD/uv" >"$BUILD/venv.log" 2>&1 \
        || stop "$python cannot make virtual environments (see $BUILD/venv.log); on Debian or Ubuntu install python3-venv."
    "$BUILD/uv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" \
        || stop "uv $UV_VERSION could not be installed from PyPI; is the network there?"
fi

# --- the project's environments -----------------------------------------------------------------------------------
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME
# uv brings its own certificates; a machine behind a proxy with its own authority needs the system's, where there are any
certificates=()
if [ -n "${SSL_CERT_FILE:-}" ] || [ -s /etc/ssl/certs/ca-certificates.crt ]; then certificates=(--system-certs); fi
say "the Python packages of uv.lock, a minute or so (2 of 4)"
UV_PYTHON_DOWNLOADS=never "$BUILD/uv/bin/uv" sync --frozen --all-extras --compile-bytecode --python "$python" --quiet ${certificates[@]+"${certificates[@]}"} \
    || stop "the packages of uv.lock could not be installed; is PyPI reachable?"
if [ "$platform" = Linux-x86_64 ]; then
    say "Anvil and viem (3 of 4)"
    npm ci --silent --no-audit --no-fund || stop "npm could not install Anvil and viem; is the npm registry reachable?"
fi
# the contracts, for Ape and for the tests in process, one core each: so that no first run waits for the compiler
PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"
say "compiling the contracts, a minute or two (4 of 4)"
.venv/bin/python -m bulkhead.chain.compiler >"$BUILD/vyper.log" 2>&1 &
beside=$!
.venv/bin/ape run build >"$BUILD/ape.log" 2>&1 || stop "the contracts do not compile (see $BUILD/ape.log)."
wait "$beside" || stop "the contracts do not compile (see $BUILD/vyper.log)."
touch "$BUILD/setup.stamp"
echo "setup: done"
