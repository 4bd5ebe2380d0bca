"""The file of rules: what is watched, of which vaults, and who is told."""

from __future__ import annotations

import os
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import first_fault, read_toml
from bulkhead.client.amounts import parse_address, parse_span

#: Seconds between looks that a file may ask for.
FASTEST, SLOWEST = 1, 86_400


class When(StrEnum):
    """What a rule watches."""

    HEALTH = "health"
    LIQUIDATION_DISTANCE = "liquidation-distance"
    MARGIN_CALL = "margin-call"
    EXPIRY = "expiry"
    FLAG = "flag"
    TAKE = "take"
    SILENCE = "silence"


def _span(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("write 90s, 30m, 2h, 5d or 8w")
    try:
        found = parse_span(value)
    except BadInput as error:
        raise ValueError(str(error)) from None
    if found < 0:
        raise ValueError("it is at least 0 seconds")
    return found


def _address(value: object) -> str:
    try:
        return parse_address(str(value))
    except BadInput as error:
        raise ValueError(str(error)) from None


def _target(value: object) -> str:
    """A place to notify; `$NAME` stands for an environment variable, so that no secret lies in the file."""
    if not isinstance(value, str) or not value:
        raise ValueError("a place to notify is an Apprise address, or $NAME of an environment variable that holds one")
    if not value.startswith("$"):
        return value
    found = os.environ.get(value[1:])
    if not found:
        raise ValueError(f"the environment variable {value[1:]} holds no place to notify")
    return found


Span = Annotated[int, BeforeValidator(_span)]
Targets = tuple[Annotated[str, BeforeValidator(_target)], ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One rule.

    Attributes:
        when: What it watches.
        below: Health, or distance to the liquidation price as a share of spot, below which it tells.
        within: Seconds to expiry from which it tells.
        after: Seconds without an answer of the node after which it tells.
        vaults: Ids it is for; with none of `vaults` and `owner`, every vault.
        owner: Whose vaults it is for.
        market: Symbol of the market it is for; any without it.
        cooldown: Seconds before it tells of the same vault again; what happens meanwhile is told then.
        notify: Who is told, instead of those of the file.
    """

    when: When
    below: Decimal | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    within: Span | None = None
    after: Span | None = None
    vaults: tuple[Annotated[int, Field(ge=1, lt=2**256)], ...] = ()
    owner: Annotated[str, BeforeValidator(_address)] | None = None
    market: str | None = None
    cooldown: Span = 900
    notify: Targets = ()

    @model_validator(mode="after")
    def _complete(self) -> Rule:
        needs = {
            When.HEALTH: "below", When.LIQUIDATION_DISTANCE: "below", When.EXPIRY: "within", When.SILENCE: "after",
        }.get(self.when)  # fmt: skip
        for name in ("below", "within", "after"):
            given = getattr(self, name) is not None
            if given and name != needs:
                raise ValueError(f"a rule for {self.when} has no `{name}`")
            if not given and name == needs:
                raise ValueError(f"a rule for {self.when} needs `{name}`")
        if self.when is When.LIQUIDATION_DISTANCE and self.below is not None and self.below >= 10:
            raise ValueError("`below` is a share of spot: 0.1 is 10 %")
        if self.when is When.SILENCE and (self.vaults or self.owner or self.market):
            raise ValueError("a rule for silence is about the node, not about vaults")
        return self


class Rules(_Strict):
    """A file of rules.

    Attributes:
        every: Seconds between looks.
        notify: Who is told by the rules that name nobody.
        rule: The rules.
    """

    every: Span = 12
    notify: Targets = ()
    rule: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _told(self) -> Rules:
        if not FASTEST <= self.every <= SLOWEST:
            raise ValueError(f"`every` is {FASTEST} s to one day")
        if not self.notify and any(not rule.notify for rule in self.rule):
            raise ValueError("nobody is told: `notify` is empty, and a rule names nobody")
        return self

    def targets(self, rule: Rule) -> tuple[str, ...]:
        """Who is told by a rule."""
        return rule.notify or self.notify


def load_rules(path: Path | str) -> Rules:
    """Rules of a TOML file.

    Raises:
        BadInput: A sentence about the first thing that is wrong.
    """
    try:
        return Rules(**read_toml(path))
    except ValidationError as error:
        where, said, is_unknown = first_fault(error, count_from=1)
        said = "there is no such setting" if is_unknown else said
        raise BadInput(f"{path}{', ' + where if where else ''}: {said}.") from None
