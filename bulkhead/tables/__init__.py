"""Tables of prices and option chains as people have them, with a sentence, a file and a line for what cannot be read.

`read` takes csv, gzip, zip, parquet and JSON; `moment` and `number` read single fields. What the columns mean is
decided by those who ask: `replay.price_paths.bars` for prices, `vol.options` for chains.
"""

from bulkhead.tables.fields import MISSING, Comma, is_missing, is_number, moment, number, shown
from bulkhead.tables.files import parse, read
from bulkhead.tables.table import Row, Table, key

__all__ = [
    "MISSING",
    "Comma",
    "Row",
    "Table",
    "is_missing",
    "is_number",
    "key",
    "moment",
    "number",
    "parse",
    "read",
    "shown",
]
