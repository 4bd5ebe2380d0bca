"""Many vaults through a crash in the vectorised mirror: oracle rounds, slow keepers, takers who want their cost.

The market side is the adapter's own: realised vols folded at whole ten minutes, sigma_m and the anchors of the
fallback surface ramped, the settlement window averaged. Liquidation is `auction`: bonus path, size of a take, cut,
top-up and insurance's caps. Owners do nothing but what a mandate says; they opened at exactly their initial margin. A
taker acts in the first block in which what a take leaves it at the mark covers its cost, a share of the notional it
has to hedge. The same vaults can be run under another venue's margin rule; what liquidates them stays ours, so only
the rule differs.
"""

from bulkhead.risk.crash.mandate import Mandate as Mandate
from bulkhead.risk.crash.outcome import Outcome as Outcome
from bulkhead.risk.crash.outcome import Settings as Settings
from bulkhead.risk.crash.play import Play as Play
from bulkhead.risk.crash.population import ODD as ODD
from bulkhead.risk.crash.population import odd_population as odd_population
from bulkhead.risk.crash.population import population as population
from bulkhead.risk.crash.population import together as together
from bulkhead.risk.crash.rules import Need as Need
from bulkhead.risk.crash.rules import Ours as Ours
from bulkhead.risk.crash.rules import Rule as Rule
from bulkhead.risk.crash.rules import Theirs as Theirs
from bulkhead.risk.crash.tape import Tape as Tape
from bulkhead.risk.crash.terms import BLOCK as BLOCK
