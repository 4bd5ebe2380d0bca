"""Settings of a keeper: one TOML file, environment variables `BULKHEAD_KEEPER_*`, or options of the command line.

An option beats the environment, the environment beats the file. Secrets come from the environment or from a
keystore, never from the file, and `secrets` lists what log lines must not contain.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import is_address
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import read_text
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.plan import ROLES, Limits, Policy
from bulkhead.keeper.price_sources import FileSource, HermesSource, PriceSource, RedStoneSource

PREFIX = "BULKHEAD_KEEPER_"
DEPLOYMENT = "deployments/local"
RPC = "http://127.0.0.1:8545"
DOCS = "docs/keeper-runbook.md"


class ProviderSettings(BaseModel):
    """One node."""

    model_config = {"extra": "forbid"}

    #: HTTP endpoint.
    url: str
    #: WebSocket endpoint that announces blocks; without it the keeper polls.
    ws: str = ""
    timeout_seconds: float = Field(default=5.0, gt=0)

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https"):
            raise ValueError("a node's url starts with http:// or https://")
        try:
            told = bool(parts.hostname) and parts.port != 0
        except ValueError:
            told = False
        if not told:
            raise ValueError("a node's url names a host, and a port below 65536 or none")
        return value

    @field_validator("ws")
    @classmethod
    def _websocket(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in ("ws", "wss"):
            raise ValueError("a node's ws starts with ws:// or wss://")
        return value


class PriceSettings(BaseModel):
    """Where the keeper finds the prices that it brings to one feed of one market."""

    model_config = {"extra": "forbid"}

    market: str
    #: Which of its feeds.
    role: Literal["primary", "fallback"] = "primary"
    #: Whose protocol the service speaks.
    form: Literal["hermes", "redstone", "file"]
    #: Service, or file.
    url: str
    #: Pyth's id of the price, or RedStone's name of it.
    feed: str = ""
    #: RedStone's data service, and the signers that the adapter was deployed with.
    service: str = "redstone-primary-prod"
    signers: list[str] = []
    #: Environment variable with an API key of the service.
    token_env: str = ""
    timeout_seconds: float = Field(default=5.0, gt=0)
    #: Most that a message of Pyth may cost on chain; what is not asked comes back.
    fee_wei: int = Field(default=10**12, ge=0)
    #: Spot is kept younger than this, for those who trade; 0 brings it only when this keeper needs it.
    keep_fresh_seconds: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> PriceSettings:
        if self.form == "file":
            return self
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ValueError("the url of a price service starts with http:// or https:// and names a host")
        if self.form == "hermes" and not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", self.feed):
            raise ValueError("feed is Pyth's id of a price, 64 hexadecimal digits")
        if self.form == "redstone" and not 0 < len(self.feed.encode()) <= 32:
            raise ValueError("feed is RedStone's name of a price, such as ETH")
        for signer in self.signers:
            if not is_address(signer):
                raise ValueError(f"{signer!r} among the signers is not an address")
        return self

    @property
    def fee(self) -> int:
        """Most that a message costs [wei]: only Pyth asks for one."""
        return self.fee_wei if self.form == "hermes" else 0

    def source(self) -> PriceSource:
        """The source.

        Raises:
            BadInput: Its API key is not in the environment.
        """
        if self.form == "file":
            return FileSource(self.url)
        token = _secret(self.token_env, "API key of a price service") if self.token_env else ""
        if self.form == "hermes":
            return HermesSource(self.url, self.feed, self.timeout_seconds, token)
        return RedStoneSource(self.url, self.feed, self.service, self.signers, self.timeout_seconds, token)


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
    #: Environment variable with the URL of a Redis; without one the keeper works alone.
    redis_env: str = "BULKHEAD_REDIS_URL"
    workers: int = Field(default=3, ge=1)

    @field_validator("roles", "providers", "prices", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        if info.field_name == "prices" and not value.lstrip().startswith("["):
            raise ValueError("prices is a JSON list here")
        if value.lstrip().startswith("["):
            return json.loads(value)  # its error is a ValueError, so a sentence
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return [{"url": part} for part in parts] if info.field_name == "providers" else parts

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.own_target < self.own_health + Decimal("0.05"):
            raise ValueError("own_target is at least own_health and 0.05")
        if 0 < self.max_capital < self.min_profit:
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
            limits=Limits(*(int(most.scaleb(18)) for most in (self.max_delta, self.max_vega, self.max_notional))),
            expiry_share=int(self.expiry_share.scaleb(18)),
            stake=int(self.stake.scaleb(18)),
            own_health=int(self.own_health.scaleb(18)),
            own_target=int(self.own_target.scaleb(18)),
            flag_batch=1 if self.redis else self.flag_batch,
        )

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
        if self.keystore is None:
            what = "private key; set it, name another with --key-env, or name a keystore in the settings"
            return account_from_key(_secret(self.key_env, what))
        try:
            content = json.loads(self.keystore.read_text())
            key = Account.decrypt(content, _secret(self.password_env, "password of the keystore"))
        except OSError as error:
            raise BadInput(f"The keystore {self.keystore} cannot be read ({error.strerror}).") from None
        except (ValueError, KeyError, TypeError):
            raise BadInput(
                f"The keystore {self.keystore} cannot be opened: the password in {self.password_env} is wrong, "
                "or it is no keystore."
            ) from None
        return account_from_key("0x" + bytes(key).hex())

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

    def secrets(self, account: LocalAccount) -> list[str]:
        """Texts that must not appear in a log line."""
        found = [account.key.hex().removeprefix("0x"), os.environ.get(self.password_env, "")]
        found += [os.environ.get(p.token_env, "") for p in self.prices if p.token_env]
        urls = [p.url for p in self.providers] + [p.ws for p in self.providers] + [self.webhook, self.redis]
        urls += [p.url for p in self.prices if p.form != "file"]
        for url in urls:
            parts = urlsplit(url)
            found += [part for part in parts.path.split("/") if part]
            found += [parts.query, *(value for _, value in parse_qsl(parts.query))]
            found += [parts.username or "", parts.password or ""]
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


def _secret(name: str, what: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadInput(f"The environment variable {name} holds no {what}.")
    return value


def load(path: Path | str | None = None, **options: Any) -> Settings:
    """Settings from a TOML file, the environment and options; an option that is None was not given.

    Raises:
        BadInput: A sentence about the first thing that is wrong.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(read_text(path))
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{path} is not TOML: {error}.") from None
    _Options.given = {name: value for name, value in options.items() if value is not None}
    _check_environment()
    try:
        found = Settings(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the settings"
        if first["type"] == "extra_forbidden":
            raise BadInput(f"There is no setting {where}; {DOCS} lists them.") from None
        raise BadInput(f"Setting {where}: {first['msg'].removeprefix('Value error, ').removesuffix('.')}.") from None
    finally:
        _Options.given = {}
    return found


def _check_environment() -> None:
    """A mistyped variable must not pass for a setting; keys of several keepers may have names of their own."""
    for name in os.environ:
        rest = name.removeprefix(PREFIX)
        if rest != name and not rest.startswith("KEY") and rest.lower() not in Settings.model_fields:
            raise BadInput(f"{name} is in the environment, but there is no such setting; {DOCS} lists them.")


def listen_on(text: str) -> tuple[str, int]:
    """Host and port of "host:port".

    Raises:
        ValueError: It is not that.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"listen wants host:port, such as 127.0.0.1:9100, not {text!r}")
    return host or "127.0.0.1", int(port)


def journal_path(settings: Settings, chain_id: int, address: str) -> Path:
    """File of the journal."""
    if settings.journal:
        return Path(settings.journal)
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "bulkhead" / f"keeper-{chain_id}-{address[2:10].lower()}.sqlite"
