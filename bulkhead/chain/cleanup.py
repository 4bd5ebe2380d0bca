"""What is closed at the end of a `with`: connections, and nodes that were started."""

from __future__ import annotations

from typing import Self


class Closing:
    """Closed when the block of a `with` ends, however it ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it; a second time does nothing."""
        raise NotImplementedError
