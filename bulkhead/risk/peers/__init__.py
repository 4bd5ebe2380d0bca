"""Margin rules of other venues, written again from their public formulas, to compare capital and losses with ours.

Each rule answers, for every position of one expiry, what equity its owner must hold to open and to keep it: equity is
collateral plus the mark of all legs, as in our own models, so that all numbers compare. Where a rule gives no credit
for a long option, its mark is part of the requirement; where it adds the mark of a short one, that cancels.

Formulas and numbers are facts copied from public documents and tests; `tests/unit/risk/test_peers.py` checks each
rule against its venue's own test cases before anything is compared. What a venue does not say (dated futures at
Deribit, Opyn and the flat ratios) follows Derive's rule for perpetuals.
"""

from __future__ import annotations

from collections.abc import Callable

from bulkhead.risk.peers.portfolio import DeribitPortfolio as DeribitPortfolio
from bulkhead.risk.peers.portfolio import DerivePortfolio as DerivePortfolio
from bulkhead.risk.peers.portfolio import DerivePortfolio2 as DerivePortfolio2
from bulkhead.risk.peers.positions import Positions as Positions
from bulkhead.risk.peers.positions import Requirement as Requirement
from bulkhead.risk.peers.standard import DeribitStandard as DeribitStandard
from bulkhead.risk.peers.standard import DeriveStandard as DeriveStandard
from bulkhead.risk.peers.standard import FlatRatio as FlatRatio
from bulkhead.risk.peers.standard import OpynTable as OpynTable

Rule = Callable[[Positions], Requirement]

#: The rules compared in docs, by name.
RULES: dict[str, Rule] = {
    "Deribit standard": DeribitStandard(),
    "Deribit PM": DeribitPortfolio(),
    "Derive SRM": DeriveStandard(),
    "Derive PMRM": DerivePortfolio(),
    "Derive PMRM 2": DerivePortfolio2(),
    "Opyn table": OpynTable(),
    "flat 110 %": FlatRatio(1.10),
    "flat 120 %": FlatRatio(1.20),
    "flat 150 %": FlatRatio(1.50),
}
