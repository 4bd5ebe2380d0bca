"""The market of the documents: two weeks before the expiry that they trade, seeded, until it is ended.

Prints what `make market` prints, which serves the same as of now.
"""

from __future__ import annotations

import signal

from bulkhead.chain import anvil
from scripts.seed import seed
from tests.worlds.served_market import ROOT, serve


def main() -> None:
    place = ROOT / "deployments" / "local"
    with serve(place) as market:
        seed(market.anvil.url, place)
        for name, value in {**market.variables, "OWNER_KEY": anvil.key(0)}.items():
            print(f"export {name}={value}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
