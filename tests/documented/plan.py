"""How each command of the documents is run; what is not named here runs as it is written, on a market of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """How a command is run.

    Attributes:
        note: What there is to say: the text that is run, the test that runs it, or the reason.
        sign: What it prints once it serves; it is interrupted then.
    """

    note: str = ""
    sign: str = ""


class Typed(Way):
    """With what stands for something filled in: `FILE`, `VAULT`, an id."""


class Serves(Way):
    """Runs until it is interrupted; with a note that is run in its place."""


class RunBy(Way):
    """Runs in CI, in a test of its own."""


class Minutes(Way):
    """Takes minutes: `QUICK=1` leaves it out."""


class Listed(Way):
    """Does not run, for a reason."""


def _up(port: int) -> str:
    """Waits until something listens at a port."""
    return f"until (: > /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do sleep 0.2; done"


DATA = Listed("needs the market data, which is not part of the project")
NETWORK = Listed("needs a public node and an account with coins there")
CI = Listed("is what CI runs, this included")
MEASURES = Minutes("measures for a minute or more")
LONG = Listed("plays for many minutes to hours; CI plays a short one")

#: By the command as it stands in a document; for a line of a block without its comment.
PLAN: dict[str, Way] = {
    # --- set-up and the whole check
    "make demo": RunBy("tests/integration/test_make.py"),
    "make test": CI,
    "make test-boa": CI,
    "make test-ape": CI,
    "make app": Minutes("builds the page first", "Ctrl-C"),
    "make docs-site": RunBy("tests/docs_site/test_site.py"),
    "make web": Minutes("builds the page"),
    "make test-web": CI,
    "make test-browser": CI,
    "make lint": RunBy("tests/architecture/test_repository.py"),
    "make shell": Typed("make shell <<< 'bulkhead --version; exit'"),
    "python -m": Listed("is the beginning of a command"),
    "make test-documents": Listed("runs all of these"),
    "make documented-commands": Listed("runs all of these, after setting up from nothing"),
    "npm ci": Listed("is a part of `make setup`, which every run begins with"),
    "pip install 'bulkhead[history]'": Listed("is for an environment of somebody else's, from an index of packages"),
    "pip install 'bulkhead[alerts]'": Listed("is for an environment of somebody else's, from an index of packages"),
    "pip install '.[shard]'": Listed("is a part of `make setup`, for an environment of somebody else's"),
    "pre-commit install": Listed("needs pre-commit, which is the reader's own"),
    'make test-boa ARGS="tests/unit/exchange/Exchange"': Minutes("runs a room"),
    "pytest tests/maker/test_examples.py": RunBy("tests/maker/test_examples.py"),
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
    'bulkhead vault open --market WETH --deposit "2.5 WETH"': RunBy("tests/commands/test_coins.py"),
    'bulkhead order preview bid.json --deposit "1.02 WETH"': RunBy("tests/commands/test_coins.py"),
    "bulkhead market add SOL": RunBy("tests/commands/test_life_by_command.py"),
    "bulkhead govern execute 0x1a2b3c4d": RunBy("tests/integration/test_govern.py"),
    # as typed, but for a machine on which three seconds are too few
    "anvil --silent & sleep 3": Typed(f"anvil --silent & {_up(8545)}"),
    "anvil --silent --port 8546 --chain-id 31337 --fork-url http://127.0.0.1:8545 & sleep 3": Typed(
        f"anvil --silent --port 8546 --chain-id 31337 --fork-url http://127.0.0.1:8545 & {_up(8546)}"
    ),
    "make market": Serves(sign="export OWNER_KEY"),
    "make market PULL=1": Serves(sign="export OWNER_KEY"),
    # --- figures and generated pages
    "python -m benchmarks.accuracy --docs": MEASURES,
    "python -m benchmarks.batch": MEASURES,
    "python -m benchmarks.brought_prices": MEASURES,
    "python -m benchmarks.keeper": MEASURES,
    "python -m benchmarks.flag_gas": MEASURES,
    "python -m benchmarks.keeper_crash": MEASURES,
    "python -m benchmarks.keeper_crash --vaults 2000": MEASURES,
    "python -m tests.stateful --only keys": LONG,
    "python -m benchmarks.keeper_capital FOLDER": DATA,
    "python -m benchmarks.maker": MEASURES,
    "python -m benchmarks.stops --docs": DATA,
    "python -m benchmarks.transports --docs": MEASURES,
    "python -m benchmarks.gas": RunBy("tests/architecture/test_gas.py"),
    "python -m benchmarks.access_lists": MEASURES,
    "python -m benchmarks.rollups": MEASURES,
    "make gas": RunBy("tests/architecture/test_gas.py"),
    "python -m tests.matrix": RunBy("tests/matrix/test_matrix.py"),
    "python -m benchmarks.crash": DATA,
    "python -m benchmarks.crash --docs": DATA,
    "python -m benchmarks.crash --idle": DATA,
    "python -m benchmarks.crash --chain 100": DATA,
    "python -m benchmarks.crash --chain 100 --deviation 200 --docs": DATA,
    "python -m benchmarks.coverage --docs": DATA,
    "python -m benchmarks.coins": RunBy("tests/unit/python/test_coins_page.py"),
    "python -m benchmarks.coins --marks": DATA,
    "python -m benchmarks.coins --hours": DATA,
    'python -m benchmarks.coins --crash --vaults 60 --only "eth 2020-03"': DATA,
    "python -m benchmarks.decay": DATA,
    "python -m benchmarks.models": DATA,
    "python -m benchmarks.pair_economics --docs": DATA,
    "python -m benchmarks.vol_arbitrage": DATA,
    "bulkhead vol report": DATA,
    "bulkhead drill $BULKHEAD_DATA/crash/2020-03_black_thursday_5min.csv.gz --asset eth --vaults 300": DATA,
    "bulkhead drill FILE --vaults 300 --hours 24": RunBy("tests/keeper/test_drill.py"),
    "python -m benchmarks.frontier": DATA,
    "bulkhead calibrate FILES --crashes FOLDER --fit-nodes": DATA,
    "python -m benchmarks.history": MEASURES,
    "python -m benchmarks.service": MEASURES,
    "make walk": LONG,
    "make fuzz": LONG,
    "make mutants": LONG,
    "make old-faults": LONG,
    'python -m benchmarks.old_faults --only "a round out of order" --again': LONG,
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
        sign='"event": "tick"',
        note="echo 'min_bonus = \"0.10\"' > keeper.toml; exec bulkhead keeper run --config keeper.toml",
    ),
    "bulkhead keeper run --config keeper.toml --dry-run": Serves(
        sign='"event": "tick"', note="touch keeper.toml; exec bulkhead keeper run --config keeper.toml --dry-run"
    ),
    "bulkhead keeper run": Serves(sign='"event": "tick"'),
    "bulkhead keeper rehearse --config keeper.toml --fall 0.3 --minutes 60": Typed(
        "touch keeper.toml; bulkhead keeper rehearse --config keeper.toml --fall 0.3 --minutes 2 --after 1"
    ),
    "bulkhead keeper rehearse": RunBy("tests/keeper/test_rehearse.py"),
    "bulkhead keeper report --at 127.0.0.1:9100": RunBy("tests/keeper/test_books.py"),
    "bulkhead keeper report --journal FILE": RunBy("tests/keeper/test_books.py"),
    "bulkhead keeper status --at 127.0.0.1:9100": RunBy("tests/keeper/test_status.py"),
    "bulkhead export FOLDER --database bulkhead.sqlite": RunBy("tests/history/test_export.py"),
    "bulkhead index": RunBy("tests/history/test_index.py"),
    "bulkhead alerts run": RunBy("tests/alerts/test_alerts.py"),
    "bulkhead alerts run alerts.toml --rpc $BULKHEAD_RPC_URL --deployment $BULKHEAD_DEPLOYMENT": Typed(
        "sed -n '/^```toml/,/^```/{/^```/d;p}' docs/alerts.md > alerts.toml\n"
        "export ALERTS_TO=json://127.0.0.1:1 PAGER=json://127.0.0.1:1\n"
        "bulkhead alerts run alerts.toml --looks 1 --rpc $BULKHEAD_RPC_URL"
    ),
    "bulkhead keeper worker 0": RunBy("tests/keeper/test_shard.py"),
    "bulkhead maker run": Serves(sign="{", note="exec bulkhead maker run --expiry 2027-01-29"),
    "bulkhead maker run --expiry 2027-01-29": Serves(sign="{"),
    # --- positions
    "bulkhead explain VAULT": Typed("bulkhead explain 2"),
    "bulkhead mandate give 7 --per-day 2000 --in-all 5000 --trigger 1.1 --target 1.3": Typed(
        "bulkhead mandate give $vault --per-day 2000 --in-all 5000 --trigger 1.1 --target 1.3"
    ),
    "bulkhead mandate show 7": Typed("bulkhead mandate show $vault"),
    "bulkhead mandate end 7": Typed("bulkhead mandate end $vault"),
    "bulkhead vault close": Typed("bulkhead vault close $(bulkhead vault open)"),
    "bulkhead order preview": RunBy("tests/architecture/test_docs.py"),
}
