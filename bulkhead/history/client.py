"""A client of the service, with its shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from bulkhead.chain.cleanup import Closing
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.history import models

T = TypeVar("T", bound=BaseModel)


class ServiceUnavailable(BulkheadError):
    """The service did not answer, or answered something else."""


class HistoryClient(Closing):
    """Asks a service about one deployment.

    Attributes:
        deployment: Its number there.
    """

    def __init__(self, url: str, deployment: int = 1, transport: httpx.BaseTransport | None = None) -> None:
        """A client of `bulkhead serve` at a URL."""
        self.deployment = deployment
        self._url = url
        try:
            self._http = httpx.Client(base_url=url, timeout=20, transport=transport, trust_env=False)
        except (httpx.InvalidURL, ValueError) as error:
            raise BadInput(f"{url!r} is not the address of a service: {error}.") from None

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _get(self, path: str, shape: Any, **filters: object) -> Any:
        given = {name: value for name, value in filters.items() if value is not None}
        try:
            answer = self._http.get(f"/v1{path}", params=given)  # type: ignore[arg-type]
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServiceUnavailable(f"No service answers at {self._url} ({error or type(error).__name__}).") from error
        try:
            if answer.status_code != 200:
                found = models.Problem.model_validate_json(answer.content)
                kind = BadInput if found.status < 500 else ServiceUnavailable
                raise kind(found.detail)
            return TypeAdapter(shape).validate_json(answer.content)
        except ValidationError as error:
            raise ServiceUnavailable(
                f"{self._url} is no service of this version ({error.error_count()} faults)."
            ) from error

    def _all(self, path: str, shape: type[T], **filters: object) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page: models.Page[T] = self._get(path, models.Page[shape], cursor=cursor, limit=500, **filters)  # type: ignore[valid-type]
            yield from page.items
            if page.next is None:
                return
            cursor = page.next

    def deployments(self) -> list[models.Deployment]:
        """Deployments that the service knows."""
        return list(self._get("/deployments", list[models.Deployment]))

    def markets(self) -> list[models.Market]:
        """Markets and their last day."""
        return list(self._get(f"/{self.deployment}/markets", list[models.Market]))

    def vault(self, vault_id: int) -> models.Vault:
        """One vault.

        Raises:
            BadInput: There never was one of that number.
        """
        found: models.Vault = self._get(f"/{self.deployment}/vaults/{vault_id}", models.Vault)
        return found

    def vaults(
        self, owner: str | None = None, market: int | None = None, state: str | None = None
    ) -> Iterator[models.Vault]:  # fmt: skip
        """Vaults, the newest first, all pages."""
        return self._all(f"/{self.deployment}/vaults", models.Vault, owner=owner, market=market, state=state)

    def history(self, vault_id: int) -> Iterator[models.VaultState]:
        """What a vault was, newest first."""
        return self._all(f"/{self.deployment}/vaults/{vault_id}/history", models.VaultState)

    def transfers(self, vault_id: int) -> Iterator[models.Transfer]:
        """Deposits, withdrawals and tips of a vault, newest first."""
        return self._all(f"/{self.deployment}/vaults/{vault_id}/transfers", models.Transfer)

    def owner(self, account: str) -> list[models.Owner]:
        """What an owner has made, by market."""
        return list(self._get(f"/{self.deployment}/owners/{account}", list[models.Owner]))

    def fills(self, vault: int | None = None, market: int | None = None) -> Iterator[models.Fill]:
        """Fills, newest first."""
        return self._all(f"/{self.deployment}/fills", models.Fill, vault=vault, market=market)

    def quotes(self, vault: int | None = None, signer: str | None = None) -> Iterator[models.Quote]:
        """Orders on the board, newest first."""
        return self._all(f"/{self.deployment}/quotes", models.Quote, vault=vault, signer=signer)

    def liquidations(self, vault: int | None = None, market: int | None = None) -> Iterator[models.Take]:
        """Takes, newest first."""
        return self._all(f"/{self.deployment}/liquidations", models.Take, vault=vault, market=market)

    def keepers(self) -> list[models.Keeper]:
        """What keepers did."""
        return list(self._get(f"/{self.deployment}/keepers", list[models.Keeper]))

    def candles(self, market: int, of: str = "spot", seconds: int = 3600) -> list[models.Candle]:
        """The last hundred candles of spot ("spot") or of a vol ("sigma", "iv")."""
        found = self._get(f"/{self.deployment}/candles", list[models.Candle], market=market, of=of, seconds=seconds)
        return list(found)
