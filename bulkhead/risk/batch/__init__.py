"""The margin models over many vaults at once in floating point: within 1e-9 of `exact`, thousands of times faster.

A `Book` holds the legs of many vaults in flat arrays, `Cells` the prices of their cells, `assess` gives what the
engines return and `resolve` what the margin gate makes of it. All numbers are plain floats: quote (in an inverse
market's book coins), contracts, years.
The scenario prices use the engine's own table of Phi, so both agree beyond the table's 1e-8 of spot.

    book = Book.of([[Leg(...), ...], ...])
    found = assess(book, Cells.of([snapshot]), RiskWord())
    standing = resolve(found, book, cells, risk, collateral=[...])

Floats cannot tell `C >= -v_min` at the last wei: what is near an edge is confirmed with `exact` or on chain.
"""

from bulkhead.risk.batch.arrays import BEYOND as BEYOND
from bulkhead.risk.batch.arrays import Bools as Bools
from bulkhead.risk.batch.arrays import Floats as Floats
from bulkhead.risk.batch.arrays import Ints as Ints
from bulkhead.risk.batch.book import Book as Book
from bulkhead.risk.batch.book import ratios as ratios
from bulkhead.risk.batch.cells import Cells as Cells
from bulkhead.risk.batch.gate import Standings as Standings
from bulkhead.risk.batch.gate import kappa as kappa
from bulkhead.risk.batch.gate import resolve as resolve
from bulkhead.risk.batch.models import Assessments as Assessments
from bulkhead.risk.batch.models import assess as assess
from bulkhead.risk.batch.phi import black76 as black76
