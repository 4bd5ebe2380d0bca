"""Messages to people, through Apprise: mail, chat, phone, webhook, desktop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bulkhead.chain.errors import BadInput


class Notifier:
    """Tells places that Apprise knows. One that cannot be reached is told again at the next look."""

    def __init__(self, places: Sequence[str]) -> None:
        """Checks places.

        Raises:
            BadInput: Apprise is not installed, or does not know a place.
        """
        try:
            import apprise
        except ImportError:
            raise BadInput("Apprise is not installed: pip install 'bulkhead[alerts]'.") from None
        self._apprise = apprise
        for place in places:
            self._open((place,))

    def tell(self, places: tuple[str, ...], title: str, lines: Sequence[str]) -> bool:
        """Sends one notification of some lines; whether every place took it."""
        return bool(self._open(places).notify(title=title, body="\n".join(lines)))

    def _open(self, places: tuple[str, ...]) -> Any:
        made = self._apprise.Apprise()
        for place in places:
            if not made.add(place):
                scheme = place.partition("://")[0] if "://" in place else "(none)"
                raise BadInput(f"Apprise knows no place to notify like the one of the scheme {scheme}.")
        return made
