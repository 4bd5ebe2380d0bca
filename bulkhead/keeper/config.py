"""Settings of a keeper: one TOML file, environment variables `BULKHEAD_KEEPER_*`, or options of the command line.

An option beats the environment, the environment beats the file. Secrets come from the environment or from a
keystore, never from the file, and `secrets` lists what log lines must not contain.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from eth_account.signers.local import LocalAccount
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import first_fault, read_toml
from bulkhead.keeper.endpoints import (
    PriceSettings,
    ProviderSettings,
    WalletSettings,
    listen_on,
    open_account,
    private_parts,
)
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.policy import ROLES, Limits, Policy
from bulkhead.keeper.unwind_policy import UnwindTerms, load_unwind

PREFIX = "BULKHEAD_KEEPER_"
DEPLOYMENT = "deployments/local"
RPC = "http://127.0.0.1:8545"
DOCS = "docs/keeper-runbook.md"


def _nodes() -> list[ProviderSettings]:
    """Where nothing names nodes: what the other commands would ask."""
    return [ProviderSettings(url=url) for url in (os.environ.get("BULKHEAD_RPC_URL") or RPC).split()]


class Settings(BaseSettings):
    """Everything a keeper can be told. Amounts are quote units, gwei or seconds as their names say."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    # --- where
    #: From the environment also URLs with commas between them.
    providers: Annotated[list[ProviderSettings], NoDecode] = Field(default_factory=_nodes, min_length=1)
    deployment: str = Field(default_factory=lambda: os.environ.get("BULKHEAD_DEPLOYMENT") or DEPLOYMENT)
    #: Nodes more blocks behind than this are not asked.
    head_lag_blocks: int = Field(default=2, ge=0)

    # --- who: a private key in an environment variable, or a keystore file with its password in one
    key_env: str = "BULKHEAD_KEEPER_KEY"
    keystore: Path | None = None
    password_env: str = "BULKHEAD_KEYSTORE_PASSWORD"
    #: In place of those several accounts, which take beside each other; the first does what one can do for all.
    wallets: Annotated[list[WalletSettings], NoDecode] = []
    #: The write-ahead journal; empty picks a file of the account's own under the user's state folder.
    journal: str = ""

    # --- what
    roles: Annotated[list[str], NoDecode] = list(ROLES)
    min_bonus: Decimal = Field(default=Decimal("0.10"), ge=0, le=1)
    min_profit: Decimal = Field(default=Decimal(1), ge=0)
    #: Least tip for which an owner's mandate is run.
    min_tip: Decimal = Field(default=Decimal("0.5"), ge=0)
    #: Most tokens in own vaults of one market; 0 for no limit.
    max_capital: Decimal = Field(default=Decimal(0), ge=0)
    #: Share of a market's tokens that takes leave in the wallet, for the own vaults.
    keep_free: Decimal = Field(default=Decimal("0.1"), ge=0, lt=1)
    #: Most exposure of own vaults over all markets, 0 for no limit: delta, a point of vol, notional.
    max_delta: Decimal = Field(default=Decimal(0), ge=0)
    max_vega: Decimal = Field(default=Decimal(0), ge=0)
    max_notional: Decimal = Field(default=Decimal(0), ge=0)
    #: Share of those limits that one expiry may use up.
    expiry_share: Decimal = Field(default=Decimal(1), gt=0, le=1)
    #: Own vaults below this health are brought to that one.
    own_health: Decimal = Field(default=Decimal("1.4"), ge=1)
    own_target: Decimal = Field(default=Decimal("1.8"), le=100)
    #: For operators who also deposit in insurance or pools: what an unsafe vault may cost them, as a share of its
    #: maintenance margin. A flag is worth that much gas beyond its tip.
    stake: Decimal = Field(default=Decimal(0), ge=0, le=1)
    #: How own vaults are unwound; without the file they are held until they expire.
    unwind: Path | None = None
    dry_run: bool = False
    #: Most flags in one transaction, where many are due at once; behind a Redis each goes to its worker.
    flag_batch: int = Field(default=8, ge=1, le=32)
    #: What role `bring` brings; from the environment a JSON list.
    prices: Annotated[list[PriceSettings], NoDecode] = []

    # --- when
    poll_seconds: float = Field(default=0.25, gt=0)

    # --- gas
    #: Priority fees are what nodes suggest, from here
    tip_floor_gwei: Decimal = Field(default=Decimal(0), ge=0)
    #: up to here.
    tip_cap_gwei: Decimal = Field(default=Decimal(100), ge=0)
    #: Most of the expected gain that gas may cost.
    gas_share: Decimal = Field(default=Decimal("0.5"), ge=0, le=1)
    #: Most per gas for duties that bring nothing, and the least cap of all.
    duty_cap_gwei: Decimal = Field(default=Decimal(50), gt=0)
    top_cap_gwei: Decimal = Field(default=Decimal(2000), gt=0)
    #: Quote units per native coin; 0 takes the spot of the market named below, if the deployment has it.
    coin_price: Decimal = Field(default=Decimal(0), ge=0)
    coin_market: str = "ETH"

    # --- who is told
    #: Address of /healthz and /metrics, "host:port"; empty serves neither.
    listen: str = ""
    #: Environment variable with the webhook's URL.
    webhook_env: str = "BULKHEAD_WEBHOOK"
    #: The process ends, to be started again, after so long with /healthz at 503; 0 for never.
    restart_seconds: float = Field(default=0.0, ge=0)
    cooldown_seconds: float = Field(default=900.0, ge=0)

    # --- many machines
    #: Which of so many keepers this is, counted from 0: each does what belongs to the vaults with its remainder.
    shard: int = Field(default=0, ge=0)
    shards: int = Field(default=1, ge=1)
    #: Environment variable with the URL of a Redis; without one the keeper works alone.
    redis_env: str = "BULKHEAD_REDIS_URL"
    workers: int = Field(default=3, ge=1)

    @field_validator("roles", "providers", "prices", "wallets", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        if info.field_name in ("prices", "wallets") and not value.lstrip().startswith("["):
            raise ValueError(f"{info.field_name} is a JSON list here")
        if value.lstrip().startswith("["):
            return json.loads(value)  # its error is a ValueError, so a sentence
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return [{"url": part} for part in parts] if info.field_name == "providers" else parts

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.own_target < self.own_health + Decimal("0.05"):
            raise ValueError("own_target is at least own_health and 0.05")
        if self.shard >= self.shards:
            raise ValueError(f"shard is below shards ({self.shards}): they are counted from 0")
        for most in (self.max_capital, *(wallet.max_capital for wallet in self.wallets)):
            if 0 < most < self.min_profit:
                raise ValueError("max_capital is below min_profit: no take could ever pay that")
        return self

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        if value:
            listen_on(value)
        return value

    @field_validator("roles")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for role in value:
            if role not in ROLES:
                raise ValueError(f"There is no role {role!r}; there are {', '.join(ROLES)}")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first: what `load` passes in is the file, with options already on top."""
        del dotenv_settings, file_secret_settings
        return (_Options(settings_cls), env_settings, init_settings)

    # --- what follows from them

    @property
    def policy(self) -> Policy:
        """What to do and for how much."""
        return Policy(
            roles=frozenset(self.roles),
            min_bonus=int(self.min_bonus.scaleb(18)),
            min_profit=int(self.min_profit.scaleb(18)),
            min_tip=int(self.min_tip.scaleb(18)),
            max_capital=int(self.max_capital.scaleb(18)),
            keep_free=int(self.keep_free.scaleb(18)),
            limits=limits_of(self.max_delta, self.max_vega, self.max_notional),
            expiry_share=int(self.expiry_share.scaleb(18)),
            stake=int(self.stake.scaleb(18)),
            own_health=int(self.own_health.scaleb(18)),
            own_target=int(self.own_target.scaleb(18)),
            flag_batch=1 if self.redis else self.flag_batch,
            unwind=self.unwind_terms,
            shard=(self.shard, self.shards),
        )

    @property
    def unwind_terms(self) -> UnwindTerms | None:
        """What the file of unwinding says.

        Raises:
            BadInput: It is wrong, or leaves own vaults below what they are topped up to.
        """
        if self.unwind is None:
            return None
        found = load_unwind(self.unwind)
        if found.withdraw_health < int((self.own_target + Decimal("0.2")).scaleb(18)):
            raise BadInput(
                f"{self.unwind}: withdraw_health is at least own_target ({self.own_target}) and 0.2: "
                "what was withdrawn would be deposited again."
            )
        return found

    def fees(self) -> FeePolicy:
        """What to pay."""
        return FeePolicy(
            tip=int(self.tip_floor_gwei * GWEI),
            tip_floor=int(self.tip_floor_gwei * GWEI),
            tip_cap=int(self.tip_cap_gwei * GWEI),
            share=int(self.gas_share.scaleb(18)),
            duty_cap=int(self.duty_cap_gwei * GWEI),
            top_cap=int(self.top_cap_gwei * GWEI),
            coin_price=int(self.coin_price.scaleb(18)),
        )

    def account(self) -> LocalAccount:
        """The account, from keystore or environment.

        Raises:
            BadInput: There is none, or it cannot be opened.
        """
        return open_account(self.key_env, self.keystore, self.password_env)

    def accounts(self) -> list[LocalAccount]:
        """The keeper's accounts: of `wallets`, else the one.

        Raises:
            BadInput: One cannot be opened, two are the same, or several have no journal to share.
        """
        if not self.wallets:
            return [self.account()]
        found = [wallet.account() for wallet in self.wallets]
        if len({str(account.address) for account in found}) < len(found):
            raise BadInput("Two of the wallets are one account: each nonce needs one owner.")
        if len(found) > 1 and not self.journal and not self.dry_run:
            raise BadInput("Several wallets share one journal: name its file with the setting journal.")
        return found

    @property
    def webhook(self) -> str:
        """URL of the webhook, empty without one."""
        return os.environ.get(self.webhook_env, "")

    @property
    def redis(self) -> str:
        """URL of the Redis, empty without one.

        Raises:
            BadInput: It is not one.
        """
        found = os.environ.get(self.redis_env, "")
        if found and urlsplit(found).scheme not in ("redis", "rediss", "unix"):
            raise BadInput(f"{self.redis_env} has to start with redis://, rediss:// or unix://.")
        return found

    def secrets(self, accounts: Sequence[LocalAccount]) -> list[str]:
        """Texts that must not appear in a log line."""
        found = [account.key.hex().removeprefix("0x") for account in accounts]
        found += [os.environ.get(name, "") for name in (self.password_env, *(w.password_env for w in self.wallets))]
        found += [os.environ.get(p.token_env, "") for p in self.prices if p.token_env]
        urls = [p.url for p in self.providers] + [p.ws for p in self.providers] + [self.webhook, self.redis]
        urls += [p.url for p in self.prices if p.form != "file"]
        for url in urls:
            found += private_parts(url)
        return [secret for secret in found if secret]


class _Options(PydanticBaseSettingsSource):
    """Options of the command line, handed over by `load`."""

    given: dict[str, Any] = {}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: `__call__` gives all at once."""
        return self.given.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The options that were given."""
        return dict(self.given)


def load(path: Path | str | None = None, **options: Any) -> Settings:
    """Settings from a TOML file, the environment and options; an option that is None was not given.

    Raises:
        BadInput: A sentence about the first thing that is wrong.
    """
    content: dict[str, Any] = {}
    if path is not None:
        content = read_toml(path)
    _Options.given = {name: value for name, value in options.items() if value is not None}
    _check_environment()
    try:
        found = Settings(**content)
    except ValidationError as error:
        where, said, is_unknown = first_fault(error)
        if is_unknown:
            raise BadInput(f"There is no setting {where}; {DOCS} lists them.") from None
        raise BadInput(f"Setting {where or 'the settings'}: {said}.") from None
    finally:
        _Options.given = {}
    return found


def _check_environment() -> None:
    """A mistyped variable must not pass for a setting; keys of several keepers may have names of their own."""
    for name in os.environ:
        rest = name.removeprefix(PREFIX)
        if rest != name and not rest.startswith("KEY") and rest.lower() not in Settings.model_fields:
            raise BadInput(f"{name} is in the environment, but there is no such setting; {DOCS} lists them.")


def limits_of(delta: Decimal, vega: Decimal, notional: Decimal) -> Limits:
    """Limits of exposure as settings tell them [quote]."""
    return Limits(*(int(most.scaleb(18)) for most in (delta, vega, notional)))


def journal_path(settings: Settings, chain_id: int, address: str) -> Path:
    """File of the journal."""
    if settings.journal:
        return Path(settings.journal)
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "bulkhead" / f"keeper-{chain_id}-{address[2:10].lower()}.sqlite"
