"""What a report shows: the record of one run, plain data that also is the JSON of a replay."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Sample:
    """One vault at one moment, in quote units; `health` is None when no margin is needed."""

    at: int
    equity: float
    margin: float
    health: float | None


@dataclass
class TakeRecord:
    """One take-over.

    Attributes:
        at: Time [unix seconds].
        fraction: Share of the vault.
        bonus_share: beta, share of the risk paid for taking it.
        cash: Tokens to the taker [native], negative when it paid.
        cut: Tokens to insurance [native].
        top_up: Tokens from insurance [native].
        equity: E just before [quote].
        margin: A just before [quote].
        cost: What the take cost the owner at mark: bonus and cut [quote].
        exact: The off-chain mirror gave the same plan to the wei.
    """

    at: int
    fraction: float
    bonus_share: float
    cash: int
    cut: int
    top_up: int
    equity: float
    margin: float
    cost: float
    exact: bool


@dataclass
class Flow:
    """A movement of a vault's tokens [native], + into the vault."""

    at: int
    kind: str
    amount: int


@dataclass
class VaultRecord:
    """One vault from opening to settlement.

    Attributes:
        vault_id: Id on chain.
        title: What it holds, in words.
        owner: Address of its owner.
        who: Name of its owner in the play.
        model: Margin model.
        legs: Legs at opening, as text.
        legs_at_expiry: Legs that came to settlement.
        opened_at: Stamp of its first fill.
        im_at_open: IM right after [quote].
        deposit: Tokens its owner put in [native].
        flagged_at: Stamps of its flags.
        taken_at: Stamps of its takes.
        takes: The takes.
        insurance_used: Top-ups paid for it and its share of the cell's draw [native].
        settled_net: N at settlement [native], None when nothing was left to settle.
        equity_end: Tokens in it after settlement and claim [native].
        flows: Movements of its tokens.
        samples: Its numbers over time.
    """

    vault_id: int
    title: str
    owner: str
    who: str
    model: str
    legs: list[str]
    opened_at: int
    im_at_open: float
    deposit: int
    legs_at_expiry: list[str] = field(default_factory=list)
    flagged_at: list[int] = field(default_factory=list)
    taken_at: list[int] = field(default_factory=list)
    takes: list[TakeRecord] = field(default_factory=list)
    insurance_used: int = 0
    settled_net: int | None = None
    equity_end: int = 0
    flows: list[Flow] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Check:
    """Something the run proved, or failed to."""

    name: str
    passed: bool
    detail: str


@dataclass
class RunRecord:
    """One run.

    Attributes:
        title: Its name.
        source: Where the prices come from.
        symbol: Market.
        decimals: Decimals of the quote token.
        started_at: Stamp of the first round; `ended_at` of the last, `expiry` of the cell.
        expiry_price: Settlement price [quote].
        recovery: Share of each claim that was paid.
        prices: (stamp, price, sigma_m) at each round.
        vaults: The vaults.
        totals: Sums and the conservation difference [native].
        checks: What was checked.
        coins: What became of the vaults of a coin-margined market beside it, in words.
        seconds: Duration of the run in real time.
    """

    title: str
    source: str
    symbol: str
    decimals: int
    started_at: int
    ended_at: int
    expiry: int
    expiry_price: float = 0.0
    recovery: float = 1.0
    prices: list[tuple[int, float, float]] = field(default_factory=list)
    vaults: list[VaultRecord] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    coins: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """All checks passed."""
        return all(check.passed for check in self.checks)

    def amount(self, native: int) -> float:
        """Tokens in quote units, for showing only."""
        return native / float(10**self.decimals)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the run."""
        return asdict(self)
