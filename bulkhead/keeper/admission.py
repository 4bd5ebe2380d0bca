"""Which nodes serve the deployment: asked at the start, when one is doubted, and a little of it now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.keeper.node import Node


class Admission:
    """Asks nodes for their chain and for the deployment's contracts.

    Attributes:
        nodes: The nodes.
        deployment: What they must serve.
    """

    def __init__(self, nodes: Sequence[Node], deployment: Deployment) -> None:
        self.nodes, self.deployment = nodes, deployment

    async def meet(self, node: Node) -> None:
        """Verifies one node; its contracts must be those that the others have.

        Raises:
            BulkheadError: It will not do.
        """
        await node.verify(self.deployment)
        known = next((other for other in self.nodes if other.verified and other is not node and other.codes), None)
        if known is not None and known.codes != node.codes:
            node.verified, node.refused = False, f"its contracts are not those that {known.name} has"
            raise NodeUnavailable(f"{node.name}: {node.refused}.")

    async def renew_all(self) -> None:
        """Renews all of them; one that will not do stays as it is."""
        for error in await asyncio.gather(*map(self.renew, self.nodes), return_exceptions=True):
            if isinstance(error, BaseException) and not isinstance(error, BulkheadError):
                raise error

    async def renew(self, node: Node) -> None:
        """Asks a node that will not do again, and another one whether anything has changed.

        Raises:
            BulkheadError: It will not do.
        """
        if not node.verified or (len(self.nodes) > 1 and await node.changed(self.deployment)):
            await self.meet(node)
