"""Whom a keeper talks to, as its settings name them: nodes, price services, itself; and what is secret about them."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import is_address
from pydantic import BaseModel, Field, field_validator, model_validator

from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.price_sources import FileSource, HermesSource, PriceSource, RedStoneSource


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
        token = secret_of(self.token_env, "API key of a price service") if self.token_env else ""
        if self.form == "hermes":
            return HermesSource(self.url, self.feed, self.timeout_seconds, token)
        return RedStoneSource(self.url, self.feed, self.service, self.signers, self.timeout_seconds, token)


class WalletSettings(BaseModel):
    """One of several accounts of a keeper, and how far it may go alone. Amounts in quote units."""

    model_config = {"extra": "forbid"}

    #: Environment variable with its private key, or its keystore and the variable with the password.
    key_env: str = ""
    keystore: Path | None = None
    password_env: str = "BULKHEAD_KEYSTORE_PASSWORD"
    #: Most tokens in its own vaults of one market, and most exposure of its own vaults; 0 for no limit.
    max_capital: Decimal = Field(default=Decimal(0), ge=0)
    max_delta: Decimal = Field(default=Decimal(0), ge=0)
    max_vega: Decimal = Field(default=Decimal(0), ge=0)
    max_notional: Decimal = Field(default=Decimal(0), ge=0)

    @model_validator(mode="after")
    def _one(self) -> WalletSettings:
        if bool(self.key_env) == (self.keystore is not None):
            raise ValueError("a wallet has either key_env or keystore")
        return self

    def account(self) -> LocalAccount:
        """The account.

        Raises:
            BadInput: There is none, or it cannot be opened.
        """
        return open_account(self.key_env, self.keystore, self.password_env)


def open_account(key_env: str, keystore: Path | None, password_env: str) -> LocalAccount:
    """An account, from a keystore where one is named, else from the environment.

    Raises:
        BadInput: There is none, or it cannot be opened.
    """
    if keystore is None:
        what = "private key; set it, name another with --key-env, or name a keystore in the settings"
        return account_from_key(secret_of(key_env, what))
    try:
        content = json.loads(keystore.read_text())
        key = Account.decrypt(content, secret_of(password_env, "password of the keystore"))
    except OSError as error:
        raise BadInput(f"The keystore {keystore} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            f"The keystore {keystore} cannot be opened: the password in {password_env} is wrong, or it is no keystore."
        ) from None
    return account_from_key("0x" + bytes(key).hex())


def listen_on(text: str) -> tuple[str, int]:
    """Host and port of "host:port".

    Raises:
        ValueError: It is not that.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"listen wants host:port, such as 127.0.0.1:9100, not {text!r}")
    return host or "127.0.0.1", int(port)


def secret_of(name: str, what: str) -> str:
    """What an environment variable holds.

    Args:
        name: The variable.
        what: What it should hold, for the sentence.

    Raises:
        BadInput: It is empty.
    """
    value = os.environ.get(name, "")
    if not value:
        raise BadInput(f"The environment variable {name} holds no {what}.")
    return value


def private_parts(url: str) -> list[str]:
    """Texts of a URL that may be a key: its path, its query, a user and a password; empty ones too."""
    parts = urlsplit(url)
    found = [part for part in parts.path.split("/") if part]
    found += [parts.query, *(value for _, value in parse_qsl(parts.query))]
    return [*found, parts.username or "", parts.password or ""]
