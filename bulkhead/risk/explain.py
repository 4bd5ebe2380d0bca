"""How the margin of one vault comes about: every step from its legs to MM and IM, by the exact mirrors.

Nothing here is a formula of its own. Each number is one that `bulkhead.risk.exact` and `bulkhead.risk.margin` give, or
the difference between two of them: with and without an add-on, at this reading of the prices and at that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bulkhead.risk import es, greeks, static, svi
from bulkhead.risk.assessment import UNBOUNDED, Assessment
from bulkhead.risk.coefficients import MOVE
from bulkhead.risk.exact import assess
from bulkhead.risk.fixed import divide, exp_q64
from bulkhead.risk.margin import Standing, kappa, required, resolve
from bulkhead.risk.marks import MAX_VOL, MIN_VOL, UNITS, iv_at, mark, mark_legs, move_of, setting_of
from bulkhead.risk.nodes import NODES, WEIGHTS
from bulkhead.risk.scales import BPS, WAD
from bulkhead.risk.words import LINEAR, Kind, Leg, Model, RiskWord, Snapshot, Status, Units

#: Moves of the stress grid: spot and every iv, as shares.
SPOT_MOVES = (-50, -30, -20, -10, -5, 0, 5, 10, 20, 30, 50)
VOL_MOVES = (-30, 0, 25, 50, 100)


@dataclass(frozen=True)
class Position:
    """What is explained.

    Attributes:
        legs: Legs of one cell.
        snapshot: Prices of the cell.
        risk: Risk parameters of the market, in a STATIC vault with its own ratios.
        collateral: C [wad token].
        model: Margin model.
        units: What the market counts in: every amount is in its token.
    """

    legs: tuple[Leg, ...]
    snapshot: Snapshot
    risk: RiskWord
    collateral: int
    model: Model = Model.ES
    units: Units = LINEAR

    @property
    def inverse(self) -> bool:
        """The market counts coins."""
        return self.units.inverse

    def assess(self, snapshot: Snapshot | None = None) -> Assessment:
        """What its engine gives, at its prices or at others."""
        return assess(self.legs, snapshot or self.snapshot, self.risk, model=self.model, inverse=self.inverse)

    def required(self, collateral: int) -> int:
        """What equity must reach to add risk, with so much collateral."""
        return required(self.legs, self.snapshot, self.risk, collateral, self.model, self.units)


@dataclass(frozen=True)
class LegLine:
    """One leg at the mark [wad]: `price` and `iv` of one contract, `value` of all."""

    leg: Leg
    price: int
    iv: int | None
    value: int


@dataclass(frozen=True)
class Scenario:
    """One scenario of the ES model.

    Attributes:
        node: Move in standard deviations of the horizon [wad].
        forward: The forward there [wad].
        branch: 0 for the first move of the vols, 1 for the second.
        vol_up: Whether the vols rise (True), fall (False) or stay (None).
        probability: Its probability [wad].
        loss: What the vault loses there [wad].
        in_tail: How much of its probability is in the tail [wad].
    """

    node: int
    forward: int
    branch: int
    vol_up: bool | None
    probability: int
    loss: int
    in_tail: int


@dataclass(frozen=True)
class Part:
    """One part of a margin: its name, its amount [wad], and whether it counts or something larger stands in for it."""

    name: str
    amount: int
    counts: bool = True


@dataclass(frozen=True)
class Cell:
    """One cell of the stress grid: spot and vols moved, sigma_m as it is.

    Attributes:
        spot: Move of spot [%].
        vol: Move of every iv [%].
        equity: E there [wad].
        maintenance_margin: MM there [wad].
    """

    spot: int
    vol: int
    equity: int
    maintenance_margin: int


@dataclass(frozen=True)
class Explanation:
    """A margin and where it comes from; amounts in wad.

    Attributes:
        position: What is explained.
        legs: Its legs at the mark.
        scenarios: Those of the ES model, worst loss first; of a STATIC vault none.
        parts: What MM is made of, before the cap.
        assessment: What the engine gives.
        kappa: IM over MM, before add-ons.
        initial_parts: What IM adds to that, one by one.
        standing: Equity, MM, IM and target now.
        initial_margin: What equity must reach to add risk: at every reading of the prices that the gate looks at.
        grid: The stress grid, row by row of vols.
    """

    position: Position
    legs: tuple[LegLine, ...]
    scenarios: tuple[Scenario, ...]
    parts: tuple[Part, ...]
    assessment: Assessment
    kappa: int
    initial_parts: tuple[Part, ...]
    standing: Standing
    initial_margin: int
    grid: tuple[Cell, ...]

    @property
    def v_min(self) -> int | None:
        """Worst payoff [wad], None when it has no bound."""
        return None if self.assessment.v_min == UNBOUNDED else self.assessment.v_min

    @property
    def room(self) -> int | None:
        """The max-loss cap: the most that margins can be [wad]; None when the loss has no bound."""
        return None if self.v_min is None else max(self.assessment.value - self.v_min, 0)

    @property
    def is_capped(self) -> bool:
        """The cap is below the margin of the model."""
        return self.room is not None and self.room < self.assessment.margin


def explain(
    position: Position, spot_moves: Sequence[int] = SPOT_MOVES, vol_moves: Sequence[int] = VOL_MOVES
) -> Explanation:
    """Every step from the legs of a vault to its margins.

    Raises:
        ValueError: The engines refuse it; the text is the contract's reason.
    """
    snapshot, risk = position.snapshot, position.risk
    found = position.assess()
    return Explanation(
        position=position,
        legs=tuple(_line(leg, snapshot, position.inverse) for leg in position.legs),
        scenarios=() if position.model == Model.STATIC else _scenarios(position),
        parts=_settled(_PARTS[position.model](position), found.margin),
        assessment=found,
        kappa=kappa(snapshot.vol_ratio, risk),
        initial_parts=_initial_parts(position, found),
        standing=resolve(found, position.collateral, risk, snapshot, units=position.units),
        initial_margin=position.required(position.collateral),
        grid=tuple(_cell(position, spot, vol) for vol in vol_moves for spot in spot_moves),
    )


def opening_collateral(position: Position) -> int:
    """The least collateral [wad] with which the position can be opened, whatever it has."""
    value = position.assess().value

    def opens(collateral: int) -> bool:
        return collateral + value >= position.required(collateral)

    high = max(position.required(0), position.units.unit) + abs(value)
    while not opens(high):
        high *= 2
    low = min(-value, 0) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if opens(middle) else (middle, high)
    return max(high, 0)


def stressed(snapshot: Snapshot, spot: int, vol: int) -> Snapshot:
    """The snapshot with spot and every iv moved by shares [%]; a vol stays within what engines take."""
    moved = snapshot.at(snapshot.spot * (100 + spot) // 100)
    if vol == 0:
        return moved
    if not snapshot.status & Status.SURFACE_SVI:
        iv = min(max(snapshot.surface_near * (100 + vol) // 100, MIN_VOL), MAX_VOL)
        return replace(moved, surface_near=iv)
    square = (100 + vol) ** 2
    mix = svi.Mix.unpack(snapshot.surface_weight)
    flat = min(mix.flat * (100 + vol) // 100, svi.LANE)
    return replace(
        moved,
        surface_near=svi.scale(snapshot.surface_near, square, 10**4),
        surface_far=svi.scale(snapshot.surface_far, square, 10**4) if snapshot.surface_far else 0,
        surface_weight=replace(mix, flat=flat).pack(),
    )


def _line(leg: Leg, snapshot: Snapshot, inverse: bool) -> LegLine:
    setting = setting_of(snapshot)
    one = replace(leg, quantity=10**6)
    inner = leg.strike * 10**10 - setting.averaged
    iv = iv_at(snapshot, setting.base, inner) if leg.kind <= Kind.PUT and inner > 0 else None
    return LegLine(leg, mark([one], snapshot, inverse), iv, mark([leg], snapshot, inverse))


def _scenarios(position: Position) -> tuple[Scenario, ...]:
    snapshot, risk = position.snapshot, position.risk
    setting = setting_of(snapshot)
    marked = mark_legs(position.legs, snapshot, setting)
    losses = es.parts(marked, setting, snapshot, risk, inverse=position.inverse).losses
    tail = es.tail_weights(losses, WEIGHTS, risk.tail_bps * BPS)
    move = move_of(risk, snapshot)
    found = []
    for i, loss in enumerate(losses):
        node, branch = divmod(i, 2)
        up = bool(branch) if not es.is_tail(node) else True if branch else None
        forward = setting.averaged + (setting.base * exp_q64(divide(NODES[node] * move, WAD), MOVE) >> 64)
        probability = (WEIGHTS[node] + branch) // 2
        found.append(Scenario(NODES[node], forward, branch, up, probability, divide(loss, UNITS), tail[i]))
    return tuple(sorted(found, key=lambda one: -one.loss))


def _es_parts(position: Position) -> tuple[Part, ...]:
    setting = setting_of(position.snapshot)
    marks = mark_legs(position.legs, position.snapshot, setting)
    made = es.parts(marks, setting, position.snapshot, position.risk, inverse=position.inverse)
    by_decay = made.decay is not None and made.decay > made.shortfall
    decay = () if made.decay is None else (Part("decay", -(-made.decay // UNITS), by_decay),)
    return (
        Part("expected shortfall", -(-made.shortfall // UNITS), not by_decay),
        *decay,
        Part("floor of short options", -(-made.floor // UNITS)),
    )


def _greeks_parts(position: Position) -> tuple[Part, ...]:
    terms = greeks.terms(position.legs, position.snapshot, position.risk, position.inverse)
    by_es = terms.es > terms.own
    names = ("delta", "gamma", "vega", "decay", "floor")
    own = tuple(
        Part("floor of short options" if name == "floor" else name, getattr(terms, name), not by_es) for name in names
    )
    return (*own, Part("0.7 of the ES model's margin without decay", terms.es, by_es))


def _static_parts(position: Position) -> tuple[Part, ...]:
    longs = tuple(leg for leg in position.legs if leg.kind <= Kind.PUT and leg.quantity > 0)
    parts = []
    for leg in position.legs:
        if leg in longs or leg.is_money(position.inverse):
            continue
        alone = static.assess([leg], position.snapshot, position.risk, inverse=position.inverse)
        parts.append(Part(_name(leg), alone.margin))
    if longs:
        parts.append(
            Part(
                "value of the long options",
                static.assess(longs, position.snapshot, position.risk, inverse=position.inverse).margin,
            )
        )
    return tuple(parts)


def _settled(parts: tuple[Part, ...], total: int) -> tuple[Part, ...]:
    """Parts that make up the margin to the wei: the engines round once, so the first one takes what rounding leaves."""
    counting = [i for i, part in enumerate(parts) if part.counts]
    if not counting:
        return parts
    rest = total - sum(parts[i].amount for i in counting)
    return tuple(replace(p, amount=p.amount + rest) if i == counting[0] else p for i, p in enumerate(parts))


_PARTS = {Model.ES: _es_parts, Model.GREEKS: _greeks_parts, Model.STATIC: _static_parts}


def _name(leg: Leg) -> str:
    if leg.kind >= Kind.FUTURE:
        return "future"
    return f"short {leg.kind.name.lower()} {leg.strike / 10**8:g}"


def _initial_parts(position: Position, found: Assessment) -> tuple[Part, ...]:
    """From MM to what the gate asks: each step is the difference that it alone makes."""
    risk, snapshot, collateral = position.risk, position.snapshot, position.collateral
    plain = replace(risk, liquidity_scale=0)
    free = replace(found, v_min=UNBOUNDED)

    def initial(assessed: Assessment, with_risk: RiskWord, proximity: bool) -> int:
        return resolve(assessed, collateral, with_risk, snapshot, proximity, position.units).initial_margin

    base, sized, near = initial(free, plain, False), initial(free, risk, False), initial(free, risk, True)
    capped = initial(found, risk, True)
    asked = position.required(collateral)
    return (
        Part("the model's own IM" if found.initial else "kappa times the margin", base),
        Part("concentration", sized - base),
        Part("proximity to liquidation", near - sized),
        Part("max-loss cap", capped - near),
        Part("other readings of the prices, other models", asked - capped),
    )


def _cell(position: Position, spot: int, vol: int) -> Cell:
    snapshot = stressed(position.snapshot, spot, vol)
    standing = resolve(position.assess(snapshot), position.collateral, position.risk, snapshot, units=position.units)
    return Cell(spot, vol, standing.equity, standing.maintenance_margin)
