"""A market in which one vault is short puts and its owner keeps tokens in a wallet."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import boa

from tests.worlds.system import NO_PERMIT, WAD, System, put, weekly

DAY = 86_400


@dataclass(frozen=True)
class Mandate:
    """What an owner allows; amounts in quote units.

    Attributes:
        trigger: Health below which a top-up may come.
        target: Health it reaches.
        most_per_day: Deposits and tips of a UTC day.
        most_in_all: Deposits and tips in all.
        tip: Most for a caller.
        lasts: Seconds from now.
    """

    trigger: float = 1.1
    target: float = 1.3
    most_per_day: float = 10_000
    most_in_all: float = 100_000
    tip: float = 2
    lasts: int = 20 * DAY


class Scene:
    """The system, a vault `vault_id` of `owner` that has sold ten puts, and the wallet.

    Attributes:
        system: The whole system in process.
        expiry: Of the puts.
    """

    def __init__(self, system: System):
        self.system = system
        self.top_up = system.AutoTopUp  # type: ignore[attr-defined]
        self.owner = str(boa.env.generate_address("sleeper"))
        self.keeper = str(boa.env.generate_address("keeper"))
        self.stranger = str(boa.env.generate_address("stranger"))
        self.expiry = weekly(2)
        self.rich = system.open(str(boa.env.generate_address("rich")), 10_000_000)
        self.vault_id = system.open(self.owner, 6_000)
        system.novate(self.vault_id, self.rich, [put(1900, 10)], self.expiry)
        self.fill_wallet(50_000)

    def fill_wallet(self, quote: float) -> None:
        """Tokens for the owner, without limit at the disposal of AutoTopUp."""
        self.system.fund(self.owner, quote)
        self.allow(2**255)

    def allow(self, amount: int) -> None:
        """The owner's allowance to AutoTopUp [native]."""
        token = self.system.market.token
        with boa.env.prank(self.owner):
            token.approve(self.top_up.address, 0)
            token.approve(self.top_up.address, amount)

    def words(self, mandate: Mandate) -> tuple[int, ...]:
        """A mandate as the contract takes it."""
        values = asdict(mandate)
        return (
            round(values["trigger"] * 10**6) * 10**12,
            round(values["target"] * 10**6) * 10**12,
            self.native(values["most_per_day"]),
            self.native(values["most_in_all"]),
            self.native(values["tip"]),
            self.system.now + values["lasts"],
        )

    def native(self, quote: float) -> int:
        """Quote units in native ones."""
        return self.system.native(quote)

    def give(self, mandate: Mandate | None = None, vault_id: int = 0, **fields: Any) -> Mandate:
        """The owner sets a mandate."""
        given = mandate or Mandate(**fields)
        with boa.env.prank(self.owner):
            self.top_up.set_mandate(vault_id or self.vault_id, self.words(given), NO_PERMIT)
        return given

    def run(self, caller: str | None = None, vault_id: int = 0) -> int:
        """Somebody calls `top_up`; the deposit [native]."""
        with boa.env.prank(caller or self.keeper):
            return int(self.top_up.top_up(vault_id or self.vault_id))

    def due(self, vault_id: int = 0) -> Any:
        """What `top_up` would do now."""
        return self.top_up.due(vault_id or self.vault_id)

    def due_with(self, allowance: int) -> Any:
        """The same under another allowance."""
        with boa.env.anchor():
            self.allow(allowance)
            return self.due()

    def wallet(self, holder: str | None = None) -> int:
        """Tokens of the owner or of somebody else [native]."""
        return int(self.system.market.token.balanceOf(holder or self.owner))

    @property
    def state(self) -> Any:
        """Lens state of the vault."""
        return self.system.state(self.vault_id)

    @property
    def health(self) -> float:
        """E / MM of the vault."""
        return float(self.state.health) / WAD

    def fall(self, health: float, step: float = 5.0) -> None:
        """Lowers spot round by round until the health is below `health`."""
        spot = self.system.market.feed.latestRoundData()[1] / 10**8
        while self.health >= health:
            spot -= step
            self.system.wait(12, spot)

    def flag(self) -> None:
        """A keeper flags the vault."""
        with boa.env.prank(self.stranger):
            self.system.liquidator.flag(self.vault_id)

    def push_both(self, primary: float, fallback: float) -> None:
        """A new round of both feeds, and a call that records what it sees."""
        self.system.push(primary)
        self.system.fallback.push(round(fallback * 10**8), self.system.now)
        self.system.oracle.observe(self.system.market.index, self.expiry)
