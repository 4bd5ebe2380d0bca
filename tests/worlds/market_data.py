"""Where the market data is that some tests read (docs/development.md); without it they are skipped."""

from __future__ import annotations

import os
from pathlib import Path

#: The folder that BULKHEAD_DATA names, else `shared/data` beside the project.
FOLDER = Path(os.environ.get("BULKHEAD_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
