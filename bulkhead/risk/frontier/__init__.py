"""Which nodes, horizon, kappa and stress blend a margin should have: what each choice costs and what it lets through.

The criterion was fixed beforehand: among settings without loss when takers come up to 30 minutes late, and with a loss
in a day-long outage of all keepers not above Deribit standard margin's, the one with the fewest liquidations of idle
vaults in calm weeks, at a mean IM not above today's. It is chosen on the first years and judged on the last.
"""

from bulkhead.risk.frontier.choose import Choice as Choice
from bulkhead.risk.frontier.choose import Effort as Effort
from bulkhead.risk.frontier.choose import Grid as Grid
from bulkhead.risk.frontier.choose import Row as Row
from bulkhead.risk.frontier.choose import Span as Span
from bulkhead.risk.frontier.choose import choose as choose
from bulkhead.risk.frontier.choose import frontier as frontier
from bulkhead.risk.frontier.market import Market as Market
from bulkhead.risk.frontier.market import Window as Window
from bulkhead.risk.frontier.setting import Setting as Setting
