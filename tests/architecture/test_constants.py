"""Every shared number has one home: in Vyper a module, and what Python says beside it is compared with that."""

from __future__ import annotations

import json
import re
from collections import defaultdict

from bulkhead import pricing
from bulkhead.chain import lens, pool
from bulkhead.chain.condition import Reason
from bulkhead.chain.words import VaultWord
from bulkhead.operators import Permission
from bulkhead.orders import Flags, PremiumStyle
from bulkhead.risk import auction, es, fixed, marks, nodes, payoff, scales, words
from bulkhead.risk.assessment import Basis
from bulkhead.risk.expiry import Origin
from bulkhead.risk.feed_word import FeedKind
from tests.architecture.constants import constants, values
from tests.architecture.sources import ROOT, product
from tests.worlds.oracle import Mode

#: Equal by chance, or codes of a list that each contract keeps for itself.
OWN = {
    "COOLDOWN_SECONDS",  # two funds, each with a cooldown of its own
    "DECIMALS",  # of two price networks
    "GRACE",  # bit of a snapshot, and why a price is not active
    "FADE_AT",  # offsets in two words
    "DONE", "UNKNOWN_VAULT", "NO_LEGS",  # why a take, and why a settlement, is skipped
    "NO_PRICE",  # bit of a snapshot, bit of the Lens
}  # fmt: skip


def test_constant__same_name_and_number__stands_in_one_module():
    homes = defaultdict(list)
    for source in product():
        # a contract that a generator writes out of another one has no home of its own
        if "@custom:generated" not in source.text:
            for constant in constants(source.name).values():
                if not constant.is_alias and constant.name not in OWN:
                    homes[constant.name, constant.value].append(source.name)
    assert not {key: found for key, found in homes.items() if len(found) > 1}


def members(enumeration) -> dict[str, int]:
    """Names and numbers of an enum without its zero, or of a class that holds bits."""
    pairs = vars(enumeration).items() if not hasattr(enumeration, "__members__") else enumeration.__members__.items()
    return {name: int(value) for name, value in pairs if name.isupper() and name != "NONE"}


def part(known: dict[str, int], names) -> dict[str, int]:
    return {name: known[name] for name in names}


def test_scales__are_those_of_the_contracts():
    mirrored = {name: value for name, value in vars(scales).items() if name.isupper()}
    theirs = {name.removeprefix("SIGNED_"): value for name, value in values("contracts/math/scales.vy").items()}
    assert mirrored == theirs
    for name, value in values("contracts/math/scales.vy").items():
        assert value == theirs[name.removeprefix("SIGNED_")], name
    assert fixed.ONE == scales.Q64


def test_permissions__are_those_of_the_contracts():
    known = values("contracts/vaults/permissions.vy")
    assert members(Permission) | {"ALL": sum(members(Permission).values())} == known


def test_snapshot__status_bits_are_those_of_the_contracts():
    assert members(words.Status) == part(values("contracts/oracle/snapshot.vy"), members(words.Status))


def test_legs__kinds_and_bounds_are_those_of_the_contracts():
    known = values("contracts/vaults/leg.vy")
    assert members(words.Kind) == part(known, members(words.Kind))
    for name in ("MAX_LEGS", "STRIKE_MASK", "QUANTITY_MASK", "MAX_QUANTITY"):
        assert getattr(words, name) == known[name]
    assert marks.STRIKE_WAD == known["STRIKE_WAD"] == known["SIGNED_STRIKE_WAD"]
    assert payoff.UNBOUNDED == lens.UNBOUNDED == values("contracts/math/payoff.vy")["UNBOUNDED"]


def test_models__are_those_of_the_contracts():
    assert members(words.Model) == part(values("contracts/vaults/vault_state.vy"), members(words.Model))


def test_vault_word__flags_are_those_of_the_contracts():
    known = values("contracts/vaults/vault_state.vy")
    for name in ("FLAGGED", "DEBT", "CLAIM"):
        word = VaultWord.unpack(known[name])
        assert [f for f in ("flagged", "marked", "debt", "claim") if getattr(word, f)] == [name.lower()]
        assert getattr(lens, name) == known[name] >> known["FLAGS_AT"]


def test_lens__status_bits_are_those_of_the_contract():
    known = values("contracts/views/Lens.vy")
    for name in ("MARGIN_CALL", "LIQUIDATABLE", "COVERED", "NO_PRICE", "NOT_FRESH", "EXPIRED"):
        assert getattr(lens, name) == known[name]


def test_orders__flags_and_styles_are_those_of_the_contract():
    known = values("contracts/exchange/order.vy")
    assert members(Flags) == part(known, members(Flags)) and members(PremiumStyle) == part(known, members(PremiumStyle))


def test_scenarios__moves_and_tails_are_those_of_the_engine():
    known = values("contracts/margin/EsEngine.vy")
    for name in ("BODY_DOWN", "BODY_UP", "TAIL_UP", "LEAST_VOL"):
        assert getattr(es, name) == known[name]
    assert known["TAIL_NODE"] == nodes.TAIL_NODE and len(nodes.NODES) == len(nodes.WEIGHTS) == known["NODES"]


def test_funds__times_are_those_of_the_contracts():
    assert values("contracts/liquidation/BackstopPool.vy")["COOLDOWN_SECONDS"] == pool.COOLDOWN_SECONDS
    assert values("contracts/liquidation/auction.vy")["MINIMUM_T1"] == auction.MINIMUM_T1


def test_marks__bounds_are_those_of_the_contract():
    known = values("contracts/margin/marks.vy")
    for name in ("UNITS", "MIN_HORIZON", "MAX_PRICE", "MAX_TENOR", "MIN_VOL", "MAX_VOL", "MAX_SHARE"):
        assert getattr(marks, name) == known[name]


def test_assessments__bases_are_those_of_the_contracts():
    assert members(Basis) == values("contracts/margin/basis.vy")


def test_prices__reasons_and_kinds_of_feeds_are_those_of_the_contracts():
    known = values("contracts/oracle/feeds.vy")
    assert members(Reason) == part(known, members(Reason)) and members(FeedKind) == part(known, members(FeedKind))
    assert sorted(members(Reason).values()) == list(range(len(Reason)))


def test_expiry_prices__origins_are_those_of_the_contract():
    known = {n: v for n, v in values("contracts/oracle/ExpiryPrices.vy").items() if n.startswith("FROM_")}
    # of feeds that no listing has looked at: on chain a listing leaves an undisputed price, so nothing comes after that
    mirrored = {name: value for name, value in members(Origin).items() if name != "FIRST_AFTER"}
    assert {f"FROM_{name}": value for name, value in mirrored.items()} == known


def test_doubles__modes_of_a_feed_are_those_of_the_contract():
    modes = {name: value for name, value in members(Mode).items() if value}
    assert modes == part(values("contracts/testing/MockAggregator.vy"), modes)


def typescript(name: str) -> str:
    """Text of a source of the page's package."""
    return (ROOT / "web" / "packages" / "bulkhead" / "src" / f"{name}.ts").read_text()


def listed(source: str, name: str) -> list[str]:
    """A list of words in a source of the package."""
    (found,) = re.findall(rf"export const {name} = (\[[^\]]*\]) as const", typescript(source))
    words_: list[str] = json.loads(found.replace("'", '"'))
    return words_


def test_page__kinds_models_flags_and_scales_are_those_of_the_contracts():
    leg, vault = values("contracts/vaults/leg.vy"), values("contracts/vaults/vault_state.vy")
    assert {kind.upper(): i for i, kind in enumerate(listed("series", "kinds"))} == part(leg, members(words.Kind))
    assert {model: i for i, model in enumerate(listed("reads", "models"))} == part(vault, members(words.Model))
    (flags,) = re.findall(r"export const flags = \{([^}]*)\}", typescript("orders"))
    told = {name: int(value) for name, value in re.findall(r"(\w+): (\d+)", flags)}
    snake = {re.sub(r"([A-Z])", r"_\1", name).upper(): value for name, value in told.items()}
    assert snake == members(Flags)
    scale = dict(re.findall(r"export const (WAD|MICRO) = 10n \*\* (\d+)n", typescript("amounts")))
    assert {name: 10 ** int(places) for name, places in scale.items()} == {"WAD": scales.WAD, "MICRO": scales.MICRO}


def test_fees__least_share_of_the_full_rate_is_one_number():
    assert values("contracts/exchange/order_pricing.vy")["LEAST_FEE"] == pricing.LEAST_FEE
    assert re.search(r"const LEAST_FEE = (\d+)n", typescript("trading"))[1] == str(pricing.LEAST_FEE)
