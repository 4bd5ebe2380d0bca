"""Alerts by webhook: one POST of JSON per event, each event at most once per cooldown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from bulkhead.keeper.outcomes import Report


class Alerts:
    """Tells people. Never in the way of the keeper: posts run beside it and a failure is only logged.

    Attributes:
        url: Webhook; empty sends nothing.
        cooldown: Seconds before the same event is told again.
    """

    def __init__(self, url: str, cooldown_seconds: float, report: Report) -> None:
        self.url = url
        self.cooldown = cooldown_seconds
        self.report = report
        self.told = 0
        self._last: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    def __call__(self, kind: str, about: object, text: str, **fields: Any) -> bool:
        """Tells of an event; returns whether it was due.

        Args:
            kind: What happened, e.g. "margin-call".
            about: What it happened to; the cooldown counts for the pair.
            text: A sentence.
            fields: Figures.
        """
        if not self._due(kind, about):
            return False
        self._tell({"kind": kind, "about": str(about), "text": text, **fields})
        return True

    def bundle(self, kind: str, found: Mapping[int, Mapping[str, Any]], text: str) -> int:
        """Tells of many vaults in one post, of each once per cooldown; returns of how many.

        Args:
            kind: What happened to all of them.
            found: Figures of each.
            text: A sentence that starts with their number.
        """
        due = {vault_id: fields for vault_id, fields in found.items() if self._due(kind, vault_id)}
        if due:
            vaults = [{"vault": vault_id, **fields} for vault_id, fields in sorted(due.items())]
            about = str(min(due)) if len(due) == 1 else f"{min(due)}+{len(due) - 1}"
            self._tell({"kind": kind, "about": about, "text": f"{len(due)} {text}", "vaults": vaults})
        return len(due)

    def _due(self, kind: str, about: object) -> bool:
        key, now = f"{kind}:{about}", time.monotonic()
        if now - self._last.get(key, -self.cooldown) < self.cooldown:
            return False
        self._last[key] = now
        return True

    def _tell(self, body: dict[str, Any]) -> None:
        self.told += 1
        self.report("alert", **body)
        if self.url:
            task = asyncio.create_task(self._post(body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _post(self, body: dict[str, Any]) -> None:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        try:
            async with self._http.post(self.url, json=body) as reply:
                if reply.status >= 300:
                    self.report("alert-failed", kind=body["kind"], reason=f"HTTP {reply.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.report("alert-failed", kind=body["kind"], reason=type(error).__name__)

    async def close(self) -> None:
        """Waits for posts under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
        if self._http is not None:
            await self._http.close()
