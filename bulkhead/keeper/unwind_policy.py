"""How fast and at which edge a keeper lets go of what it took: a TOML file of its own, checked line by line."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import first_fault, read_toml


@dataclass(frozen=True)
class UnwindTerms:
    """What the file says, in the units of the chain.

    Attributes:
        first_edge: What a contract is offered for beyond its mark at first [bps of spot]; below 0 the keeper pays.
        last_edge: The same after `seconds_to_last`.
        seconds_to_last: How long that takes.
        share: Most of a leg that one order offers [wad].
        good_for: Life of an order [seconds].
        every: How often orders are signed anew [seconds].
        band: How far spot may move before an order is dead [bps].
        makers: Servers that orders are left with.
        board: They are left on the QuoteBoard too, which costs gas.
        withdraw_health: Health down to which tokens are withdrawn from own vaults [wad].
        min_withdraw: Least amount worth a transaction [wad quote].
    """

    first_edge: int
    last_edge: int
    seconds_to_last: int
    share: int
    good_for: int
    every: int
    band: int
    makers: tuple[str, ...]
    board: bool
    withdraw_health: int
    min_withdraw: int

    def edge(self, age: int) -> int:
        """The edge of a position of an age in seconds [bps of spot]."""
        past = min(max(age, 0), self.seconds_to_last)
        return self.first_edge + (self.last_edge - self.first_edge) * past // self.seconds_to_last


class UnwindFile(BaseModel):
    """The file. Amounts are quote units, bps of spot, hours or seconds as their names say."""

    model_config = {"extra": "forbid"}

    first_edge_bps: int = Field(default=30, ge=-1000, le=1000)
    last_edge_bps: int = Field(default=-30, ge=-1000, le=1000)
    hours_to_last: Decimal = Field(default=Decimal(12), gt=0, le=2000)
    share: Decimal = Field(default=Decimal(1), gt=0, le=1)
    good_for_seconds: int = Field(default=120, ge=10, le=3600)
    every_seconds: int = Field(default=60, ge=5, le=3600)
    band_bps: int = Field(default=100, ge=1, le=2000)
    #: Maker servers, such as http://127.0.0.1:8650.
    makers: list[str] = []
    board: bool = False
    withdraw_health: Decimal = Field(default=Decimal("2.5"), ge=1, le=100)
    min_withdraw: Decimal = Field(default=Decimal(50), ge=0)

    @field_validator("makers")
    @classmethod
    def _urls(cls, value: list[str]) -> list[str]:
        for url in value:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url!r} is no maker server: a url starts with http:// or https:// and names a host")
        return value

    @model_validator(mode="after")
    def _falls(self) -> UnwindFile:
        if self.last_edge_bps > self.first_edge_bps:
            raise ValueError("last_edge_bps is above first_edge_bps: what waits longer is not offered dearer")
        if self.every_seconds > self.good_for_seconds:
            raise ValueError("every_seconds is above good_for_seconds: between two orders there would be none")
        return self

    def terms(self) -> UnwindTerms:
        """In the units of the chain."""
        return UnwindTerms(
            first_edge=self.first_edge_bps,
            last_edge=self.last_edge_bps,
            seconds_to_last=max(int(self.hours_to_last * 3600), 1),
            share=int(self.share.scaleb(18)),
            good_for=self.good_for_seconds,
            every=self.every_seconds,
            band=self.band_bps,
            makers=tuple(url.rstrip("/") for url in self.makers),
            board=self.board,
            withdraw_health=int(self.withdraw_health.scaleb(18)),
            min_withdraw=int(self.min_withdraw.scaleb(18)),
        )


def load_unwind(path: Path | str) -> UnwindTerms:
    """The terms of a file.

    Raises:
        BadInput: A sentence about the first thing that is wrong.
    """
    try:
        return UnwindFile(**read_toml(path)).terms()
    except ValidationError as error:
        where, said, is_unknown = first_fault(error)
        if is_unknown:
            raise BadInput(f"{path}: there is no {where} in a policy of unwinding.") from None
        raise BadInput(f"{path}: {where + ': ' if where else ''}{said}.") from None
