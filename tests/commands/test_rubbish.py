"""Rubbish in every place of every command: one sentence, an exit code that is not 0, no traceback, nothing sent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkhead.chain import anvil
from tests.commands.test_output import commands
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

#: Kinds of rubbish that each command gets.
KINDS = 200

NUMBERS = (
    "", " ", "0", "-0", "-1", "1.5", "1e400", "1e-400", "1E5", "nan", "sNaN", "inf", "-inf", "0x", "0xzz", "0x10",
    "1_000", "1,000", "1 000", "１２", "٣", "½", "NULL", "None", "true", "[]", "{}", "()", "1/0", "999999999999999999",
    "99999999999999999999999", str(2**256), str(-(2**255)), str(2**255), "0.0000000000000000001", "1e-30", "+5", "++5",
    "1" * 400, "9" * 5000, "1e999999999", "-1e60", "1e60",
)  # fmt: skip
WORDS = (
    "a" * 5000, "\x00", "a\x00b", "💥", "\u202e", "\ufeff1", "'; DROP TABLE vaults; --", "$(true)", "`true`", "%s%n%x",
    "\\", "\n", "a\nb", "\t", "ETH ", "eth\x00", "DOGE", "*", "?", "--", "---", "-x", "-1-1", "--nonsense", "@file",
    "vitalik.eth", "0x" + "00" * 20, "0x" + "zz" * 20, "0x" + "ab" * 32, "0x" + "ab" * 31, "undefined", "../..", "/",
    ".", "/dev/null", "/nowhere/at/all", "~", "C:\\x", "-",
)  # fmt: skip
LEGS = (
    "call:", ":200", "call", "put:-160", "-put:160*2", "0*call:200", "-0*put:1", "1.5*call:200", "call:1e-9",
    "call:nan", "call:inf", "call:200:300", "straw:1", "future:7", "cash:1", "99999999999*call:200", "*", "2*",
    "call:1e30", "call:2 00", "CALL:0", "--call:200", "+-call:200", "call:0x10",
)  # fmt: skip
TIMES = (
    "soon", "2027-13-45", "2027-02-30", "2027-01-29T25:00", "0000-00-00", "9999-12-31", "2027-01-29T08:00+99:00",
    "08:00", "1799999999999", "-1799999999", "29.01.2027", "2027-W04-5", "20270129", "5x", "1h1", "h", "-1h",
    "999999999w",
)  # fmt: skip
PLACES = (
    "http://", "http://[::1", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://127.0.0.1:1", "ws://127.0.0.1:1",
    "localhost", "https://", "http://user:pw@", "http://127.0.0.1:1/" + "a" * 3000, "://", "http://\x00",
    "http://127.0.0.1:1 /", "file:///etc/hostname", "http://ünïcode.invalid:1", "unix:///x",
)  # fmt: skip


def files(folder: Path, order: str) -> Iterator[str]:
    """Paths of files that are not what a command wants."""
    folder.mkdir(exist_ok=True)
    signed = json.loads(order)
    contents: dict[str, str | bytes] = {
        "empty": "", "null": "null", "list": "[]", "number": "7", "text": '"x"', "deep": "[" * 5000, "open": '{"a":',
        "binary": bytes(range(256)), "nul": b"\0" * 100, "bom": b"\xef\xbb\xbf{}", "utf16": "{}".encode("utf-16"),
        "twice": "{}{}", "header": "ts,open,high,low,close\n", "words": "a b c\nd e f\n",
        "row": "ts,open,high,low,close\n1,1,1,1,1\n", "nan": "ts,open,high,low,close\n1583971200,nan,1,1,1\n2,1,1,1,1",
        "gz.csv.gz": b"\x1f\x8bnot", "zip.zip": b"PK\x03\x04broken", "x.parquet": b"PAR1", "yaml.yaml": "a: [",
        "toml.toml": "= 1", "bad.toml": "roles = 5\n", "tab.yaml": "\tx: 1",
    }  # fmt: skip
    for field in ("order", "signature", "chain_id", "exchange"):
        contents[f"without-{field}"] = json.dumps({k: v for k, v in signed.items() if k != field})
        for name, value in (("null", None), ("list", []), ("minus", -1), ("big", 2**300), ("word", "zz"), ("nest", {})):
            contents[f"{field}-{name}"] = json.dumps({**signed, field: value})
    for field in signed["order"]:
        for name, value in (("null", None), ("minus", "-1"), ("big", str(2**300)), ("word", "zz"), ("nest", {})):
            contents[f"order-{field}-{name}"] = json.dumps({**signed, "order": {**signed["order"], field: value}})
    for name, content in contents.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield str(path)
    yield str(folder)


#: A command line of each command that means something, files and vaults filled in by the test.
BASES: dict[str, str] = {
    "alerts run": "FILE --state OUT",
    "anvil crash": "ETH --by 5 --over 1m",
    "anvil warp": "1m",
    "calibrate": "FILE --hours 14 --half-life 10",
    "demo": "--data FILE --symbol ETH --report OUT --no-ape",
    "drill": "FILE --vaults 2 --hours 1 --seed 1",
    "explain": "-call:2200 put:1800 --size 1 --spot 2000 --vol 0.6 --days 7 --sigma 0.6 --vol-ratio 1 --collateral 900 "
    "--model ES --html OUT",
    "export": "OUT --database OUT --deployment 1 --first 0 --last 9 --table fills",
    "govern advance": "ETH",
    "govern cancel": "0x12",
    "govern execute": "0x12",
    "govern set": "ETH phi_bps 210",
    "govern show": "ETH",
    "index check": "--database OUT",
    "index run": "--poll 1 --database OUT --no-gas",
    "keeper run": "--dry-run --roles flag --poll 1 --min-bonus 0.1 --min-profit 1 --journal OUT",
    "keeper rehearse": "--fall 0.1 --minutes 1 --after 1 --vol 1.1 --block-seconds 30 --base-fee 1 --roles flag",
    "keeper report": "--at 127.0.0.1:1",
    "keeper status": "--at 127.0.0.1:1",
    "keeper worker": "0 --journal OUT",
    "maker run": "--market ETH --expiry EXPIRY --deposit 10 --size 1 --edge-bps 20 --strikes 1 --step 10 --seconds 30 "
    "--refresh 0.01 --host 127.0.0.1 --port 0",
    "mandate end": "VAULT",
    "mandate give": "VAULT --per-day 10 --in-all 20 --trigger 1.1 --target 1.3 --tip 1 --until EXPIRY",
    "mandate run": "VAULT",
    "mandate show": "VAULT",
    "market add": "SOL --inputs FILE",
    "market fix": "ETH EXPIRY",
    "market insure": "ETH EXPIRY",
    "market reserve": "ETH EXPIRY",
    "market sweep": "ETH EXPIRY",
    "markets": "",
    "order cancel": "FILE",
    "order cancel-together": "VAULT buy call:200 --expiry EXPIRY --together 5",
    "order close": "VAULT FILE",
    "order fill": "FILE --vault VAULT --size 1 --deposit 1 --limit 20",
    "order preview": "FILE --size 1 --deposit 10 --model ES",
    "order roll": "VAULT FILE FILE --into VAULT",
    "order sign": "VAULT buy call:200 --expiry EXPIRY --price 1 --size 1 --good-for 60",
    "order state": "FILE --vault VAULT",
    "order stop": "VAULT --below 180 --size 1 --slip 300 --patience 60 --worst -5 --good-for 600",
    "order take-profit": "VAULT 30 --with FILE --size 1 --good-for 600",
    "rfq": "call:200 --size 1 --expiry EXPIRY --market ETH --side buy --maker http://127.0.0.1:1 --vault VAULT",
    "replay": "FILE --symbol ETH --report OUT",
    "serve": "--database OUT --host 127.0.0.1 --port 0 --rate 1",
    "vault caps": "VAULT --delta 1 --vega 1",
    "vault claim": "VAULT",
    "vault close": "VAULT",
    "vault deposit": "VAULT 1",
    "vault epoch": "VAULT call:200 --expiry EXPIRY",
    "vault grant": "VAULT 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 trade --days 1",
    "vault list": "--owner 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "vault merge": "VAULT VAULT",
    "vault open": "--market ETH --deposit 1 --model ES",
    "vault refresh": "VAULT",
    "vault repay": "VAULT",
    "vault settle": "VAULT",
    "vault show": "VAULT",
    "vault split": "VAULT call:200 --size 1 --cash 1",
    "vault withdraw": "VAULT 1",
    "vol fit": "FILE --asset ETH --at 2026",
    "vol publish": "FILE --market ETH --asset ETH --publishers-env BULKHEAD_KEY",
    "vol report": "--data FILE --out OUT",
}
#: Commands that run for minutes when their file is good: it never is here.
LONG = ("calibrate", "demo", "drill", "replay", "vol fit", "vol publish", "vol report")
#: What ends a command that runs for ever, last on each of its lines whatever the rubbish took away.
BOUNDS = {
    "alerts run": ["--looks", "1"],
    "index run": ["--once"], "keeper run": ["--once"], "keeper rehearse": ["--minutes", "1", "--after", "0"],
    "maker run": ["--rounds", "1"], "serve": ["--seconds", "0"],
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(served: ServedMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A vault with calls in it, an order that can be filled, and where to write."""
    folder = tmp_path_factory.mktemp("rubbish")
    with served.undone():
        desk = served.client(MAKER).vaults.open("ETH", deposit=5_000)
        offer = served.client(MAKER).orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 5, good_for=10**6)
        vault = served.client(TRADER).orders.fill(offer, size=2, deposit=100)
        file = folder / "offer.json"
        file.write_text(offer.to_json())
        yield {
            "VAULT": str(vault),
            "FILE": str(file),
            "EXPIRY": EXPIRY,
            "OUT": str(folder / "out"),
            "folder": str(folder),
        }


def lines_of(words: str, options: set[str], scene: dict[str, str]) -> Iterator[list[str]]:
    """Command lines with one piece of rubbish each."""
    folder = Path(scene["folder"])
    bad = [*files(folder / "files", Path(scene["FILE"]).read_text())]
    base = [scene.get(token, token) for token in BASES[words].split()]
    if words in LONG:
        base = [str(folder / "files" / "words") if token == scene["FILE"] else token for token in base]
    general = [*(("--rpc", one) for one in PLACES), *(("--deployment", one) for one in (*bad, *WORDS)),
               *(("--key-env", one) for one in WORDS), *(("--config", one) for one in bad)]  # fmt: skip
    places = [i for i, token in enumerate(base) if not token.startswith("--")]
    kinds = [*NUMBERS, *WORDS, *LEGS, *TIMES, *bad, *PLACES]
    found = [[*base[:place], kind, *base[place + 1 :]] for place in places for kind in kinds]
    found += [[*base, *pair] for pair in general if pair[0] in options]
    found += [base[:place] + base[place + 1 :] for place in range(len(base))]
    found += [[*base, kind] for kind in kinds]
    random.Random(words).shuffle(found)
    for line in found[:KINDS]:
        yield [*line, *BOUNDS.get(words, [])]


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda one: one if isinstance(one, str) else "")
def test_rubbish__at_a_command__is_a_sentence(
    served: ServedMarket, scene: dict[str, str], words: str, command: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene["folder"])
    options = {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
    tried = failed = 0
    with served.undone():
        head = served.chain.rpc.block_number()
        for line in lines_of(words, options, scene):
            tried += 1
            try:
                result = served.run(*words.split(), *line, BULKHEAD_KEEPER_KEY=anvil.key(5))
            except Exception as error:
                raise AssertionError(f"bulkhead {words} {line!r}: {type(error).__name__}: {error}") from error
            now = served.chain.rpc.block_number()
            if result.exit_code == 0:
                head = now
                continue
            failed += 1
            said = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
            assert result.exit_code in (1, 2) and len(said) == 1, (words, line, result.exit_code, result.stderr)
            assert len(said[0]) > 20 and said[0].endswith((".", "?", ")")), (words, line, said)
            assert "Traceback" not in result.output + result.stderr, (words, line)
            assert now == head, (words, line, "something was sent")
    assert tried == KINDS and failed > KINDS // 4
