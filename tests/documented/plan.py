"""How each command of the documents is run; what is not named here runs as it is written, on a market of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Typed:
    """With what stands for something filled in: `FILE`, `VAULT`, an id."""

    text: str


@dataclass(frozen=True)
class Serves:
    """Runs until it is interrupted, which it is once it has printed something; `text` as of `Typed`."""

    sign: str
    text: str = ""


@dataclass(frozen=True)
class RunBy:
    """Runs in CI, in a test of its own."""

    test: str


@dataclass(frozen=True)
class Minutes:
    """Takes minutes: `make documented-commands` runs it, the test does not. With a `sign` as of `Serves`."""

    why: str
    sign: str = ""


@dataclass(frozen=True)
class Listed:
    """Does not run, for a reason."""

    reason: str


Way = Typed | Serves | RunBy | Minutes | Listed

DATA = Listed("needs the market data, which is not part of the project")
NETWORK = Listed("needs a public node and an account with coins there")
CI = Listed("is what CI runs, this included")
MEASURES = Minutes("measures for a minute or more")
LONG = Listed("plays for many minutes to hours; CI plays a short one")
SUITE = "the tests of that folder are part of `make test`"

#: By the command as it stands in a document; for a line of a block without its comment.
PLAN: dict[str, Way] = {
    # --- set-up and the whole check
    "make demo": RunBy("tests/integration/test_make.py"),
    "make test": CI,
    "make test-boa": CI,
    "make test-ape": CI,
    "make app": Minutes("builds the page first", "Ctrl-C"),
    "make web": Minutes("builds the page"),
    "make test-web": CI,
    "make test-browser": Minutes("builds the page and drives a browser"),
    "make lint": RunBy("tests/architecture/test_repository.py"),
    "make shell": Typed("make shell <<< 'bulkhead --version; exit'"),
    "python -m": Listed("is the beginning of a command"),
    "make documented-commands": Listed("runs all of these"),
    "npm ci": Listed("is a part of `make setup`, which every run begins with"),
    "pip install 'bulkhead[history]'": Listed("is for an environment of somebody else's, from an index of packages"),
    "pip install '.[shard]'": Listed("is a part of `make setup`, for an environment of somebody else's"),
    "pre-commit install": Listed("needs pre-commit, which is the reader's own"),
    'make test-boa ARGS="tests/unit/exchange/Exchange"': Minutes(SUITE),
    "pytest tests/maker": Minutes(SUITE),
    "HYPOTHESIS_PROFILE=long python -m pytest -p no:ape_test -s tests/stateful": Listed("takes seventeen minutes"),
    "docker build -f deploy/Dockerfile -t bulkhead-keeper .": Listed(
        "needs a Docker daemon and a base image; deploy/check-image.sh builds the same file without"
    ),
    # --- deployments
    "ape run deploy --network ethereum:sepolia:node --url https://your.node --account your-ape-account": NETWORK,
    "ape run deploy --network ethereum:there:node --url https://your.node --account your-ape-account": NETWORK,
    "ape run deploy": RunBy("tests/integration/test_deploy.py"),
    "ape run verify": RunBy("tests/integration/test_deploy.py"),
    "ape run seed": RunBy("tests/integration/test_deploy.py"),
    "bulkhead market add SOL": RunBy("tests/commands/test_life_by_command.py"),
    "bulkhead govern execute 0x1a2b3c4d": RunBy("tests/integration/test_govern.py"),
    "make market": Serves("export OWNER_KEY"),
    "make market PULL=1": Serves("export OWNER_KEY"),
    # --- figures and generated pages
    "python -m benchmarks.accuracy --docs": MEASURES,
    "python -m benchmarks.batch": MEASURES,
    "python -m benchmarks.brought_prices": MEASURES,
    "python -m benchmarks.keeper": MEASURES,
    "python -m benchmarks.keeper --rounds 6": MEASURES,
    "python -m benchmarks.maker": MEASURES,
    "python -m benchmarks.stops --docs": MEASURES,
    "python -m benchmarks.gas": RunBy("tests/architecture/test_gas.py"),
    "make gas": RunBy("tests/architecture/test_gas.py"),
    "python -m tests.matrix": RunBy("tests/matrix/test_matrix.py"),
    "python -m benchmarks.crash": DATA,
    "python -m benchmarks.crash --docs": DATA,
    "python -m benchmarks.crash --idle": DATA,
    "python -m benchmarks.crash --chain 100": DATA,
    "python -m benchmarks.crash --chain 100 --deviation 200 --docs": DATA,
    "python -m benchmarks.coverage --docs": DATA,
    "python -m benchmarks.decay": DATA,
    "python -m benchmarks.models": DATA,
    "python -m benchmarks.pair_economics --docs": DATA,
    "python -m benchmarks.vol_arbitrage": DATA,
    "bulkhead vol report": DATA,
    "bulkhead drill ../shared/data/crash/2020-03_black_thursday_5min.csv.gz --asset eth --vaults 300": DATA,
    "bulkhead drill FILE --vaults 300 --hours 24": RunBy("tests/keeper/test_drill.py"),
    "python -m benchmarks.frontier": DATA,
    "bulkhead calibrate FILES --crashes FOLDER --fit-nodes": DATA,
    "python -m benchmarks.history": MEASURES,
    "make walk": LONG,
    "make fuzz": LONG,
    "make mutants": LONG,
    "make mutants-known": LONG,
    "docker run --restart unless-stopped": Listed("needs a Docker daemon"),
    "python -m benchmarks.gas_breakdown OPERATION...": Typed("python -m benchmarks.gas_breakdown fill_existing"),
    "make picture": Minutes("plays the demo"),
    "bulkhead replay": RunBy("tests/integration/test_replay.py"),
    "bulkhead replay --fork $BULKHEAD_RPC_URL": Minutes("plays the whole scenario; a test plays an hour of it"),
    # --- vol surfaces
    "bulkhead vol fit FILE": RunBy("tests/integration/test_vol_publish.py"),
    "bulkhead vol publish FILE --market ETH": RunBy("tests/integration/test_vol_publish.py"),
    # --- keeper and maker
    "bulkhead keeper run --rpc https://one.example --rpc https://two.example --deployment deployments/sepolia": NETWORK,
    "bulkhead keeper run --config keeper.toml": Serves(
        '"event": "tick"', "echo 'min_bonus = \"0.10\"' > keeper.toml; exec bulkhead keeper run --config keeper.toml"
    ),
    "bulkhead keeper run --config keeper.toml --dry-run": Serves(
        '"event": "tick"', "touch keeper.toml; exec bulkhead keeper run --config keeper.toml --dry-run"
    ),
    "bulkhead keeper run": Serves('"event": "tick"'),
    "bulkhead keeper status --at 127.0.0.1:9100": RunBy("tests/keeper/test_status.py"),
    "bulkhead export FOLDER --database bulkhead.sqlite": RunBy("tests/history/test_export.py"),
    "bulkhead index": RunBy("tests/history/test_index.py"),
    "bulkhead keeper worker 0": RunBy("tests/keeper/test_shard.py"),
    "bulkhead maker run --expiry 2027-01-29": Serves("{"),
    # --- positions
    "bulkhead explain VAULT": Typed("bulkhead explain 2"),
    "bulkhead vault close": Typed("bulkhead vault close $(bulkhead vault open)"),
    "bulkhead order preview": RunBy("tests/architecture/test_docs.py"),
}
