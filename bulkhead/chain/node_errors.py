"""What a node means by an error. Each writes it in words and codes of its own; this is the one place that reads them.

The words are those of Geth, Erigon, Nethermind, Besu, Reth, Parity and the large hosts;
tests/unit/python/test_node_errors.py has them in full.
"""

from __future__ import annotations

import re
from enum import Enum

from bulkhead.chain.errors import RpcError

#: The methods of logs and of sending, and what stands for the method of a post as a whole.
LOGS, SEND, BATCH = "eth_getLogs", "eth_sendRawTransaction", "a batch"


class Meaning(Enum):
    """What an error comes to.

    REVERTED: a contract refused. KNOWN: the node has that transaction already. OCCUPIED: another transaction waits at
    its nonce. USED: its nonce is used up. UNDERPRICED: its tip or price is too low. POOR: the account cannot pay.
    TYPED: the chain takes plain transactions with one price only.
    BATCH: too many calls in a post. RANGE: too many blocks, or logs, for one answer. SIZE: too long an answer, or one
    that takes too long. RATE: too many posts. UNSUPPORTED: no such method. OTHER: anything else.
    """

    REVERTED = "reverted"
    KNOWN = "known"
    OCCUPIED = "occupied"
    USED = "used"
    UNDERPRICED = "underpriced"
    POOR = "poor"
    TYPED = "typed"
    BATCH = "batch"
    RANGE = "range"
    SIZE = "size"
    RATE = "rate"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


def _compiled(*pairs: tuple[Meaning, str]) -> tuple[tuple[Meaning, re.Pattern[str]], ...]:
    return tuple((meaning, re.compile(words)) for meaning, words in pairs)


#: Words about any call, in the order in which they are looked for.
_ANY: tuple[tuple[Meaning, re.Pattern[str]], ...] = _compiled(
    (Meaning.REVERTED, r"revert"),
    (
        Meaning.BATCH,
        r"batch.*(limit|exceed|large|more than|not allowed)|"
        r"(limit|exceed|large|more than|too many|max).*batch",
    ),
    (
        Meaning.RATE,
        r"rate.?limit|request rate|too many requests|requests? per|per second|/second|request limit|"
        r"request count|compute units|throttl|slow down|quota|\bcredits\b|capacity|rps limit",
    ),
    (
        Meaning.SIZE,
        r"response (is )?too (big|large)|response size|exceeded max limit|result (is )?too (big|large)|"
        r"timed? ?out|took too long|payload",
    ),
)
_UNSUPPORTED = re.compile(r"method not found|does not exist/is not available|unsupported method|not supported")
#: Words about logs. What lies beyond the newest block, or is no range, does not fit better in parts.
_NO_RANGE = re.compile(
    r"beyond|invalid (block )?range|out of range|inverted|unknown block|not found|greater than|but requested was"
)
_RANGE = re.compile(
    r"range|more than [\d,_]+ (results|logs)|results|too many (blocks|logs)|block limit|block (span|distance)|"
    r"limited to"
)
#: Words about a transaction that was sent.
_SENT: tuple[tuple[Meaning, re.Pattern[str]], ...] = _compiled(
    (Meaning.KNOWN, r"already ?known|already imported|known transaction|same hash|already exists"),
    (
        Meaning.OCCUPIED,
        r"replacement transaction underpriced|could not replace|replacementnotallowed|"
        r"another transaction with same nonce|replacement.*(underpriced|too low)",
    ),
    (
        Meaning.TYPED,
        r"(transaction|tx) ?type.*(not supported|not allowed|invalid|unsupported|disabled)|invalidtxtype|"
        r"(unsupported|invalid|unknown) (transaction|tx)[ _]?type|"
        r"type (\w+ )?(not supported|is invalid)|eip-?1559.*(not|disabled|invalid|unsupported)",
    ),
    (Meaning.USED, r"nonce (is )?too low|nonce.too.low|oldnonce|nonce has already been used"),
    (Meaning.POOR, r"insufficient ?funds|insufficient balance|upfront cost|exceeds.*(account )?balance"),
    (
        Meaning.UNDERPRICED,
        r"underpriced|feetoolow|fee too low|gas price (is )?(too low|below)|below configured minimum|"
        r"less than (the )?block base ?fee|tip (cap|needed)|priority fee.*(low|below|least)",
    ),
)
#: Codes that mean a limit whatever the words are: of logs, and of a whole post.
RANGE_CODES = frozenset({-32005, -32015, -32602, -32600, -32614, -32701, -32062, -32047, 35})
SIZE_CODES = frozenset({-32003, -32008})
BATCH_CODES = frozenset({-32005, -32600, -32602, -32010, -32011, 31})
#: "Method not found" of the JSON-RPC specification, and "limit exceeded" of EIP-1474.
NO_METHOD, LIMIT_EXCEEDED = -32601, -32005
#: A number in words, unless it counts something else than calls or blocks.
_NUMBER = re.compile(
    r"(?<![\w.,-])(\d[\d,_']*)(\s?k\b)?(?![\d,_']|\s*(results|logs|bytes|[kmg]i?b\b|ms\b|seconds|\.\d))", re.I
)


def meaning(method: str, code: int, message: str) -> Meaning:
    """What an error says of one call.

    Args:
        method: The call's method, or "a batch" for a post as a whole.
        code: The node's code, 0 for none.
        message: The node's words.
    """
    words = message.lower()
    if code == 3:
        return Meaning.REVERTED
    if method == SEND:
        for found, pattern in _SENT:
            if pattern.search(words):
                return found
    if code == NO_METHOD:
        return Meaning.UNSUPPORTED
    for found, pattern in _ANY:
        if pattern.search(words):
            return Meaning.RANGE if found is Meaning.SIZE and method == LOGS else found
    if code == 429:
        return Meaning.RATE
    if method == LOGS and not _NO_RANGE.search(words) and (code in RANGE_CODES or _RANGE.search(words)):
        return Meaning.RANGE
    if code in SIZE_CODES:
        return Meaning.SIZE
    if method == BATCH and code in BATCH_CODES:
        return Meaning.BATCH
    if code == LIMIT_EXCEEDED:
        return Meaning.RATE
    return Meaning.UNSUPPORTED if _UNSUPPORTED.search(words) else Meaning.OTHER


def meaning_of(error: RpcError) -> Meaning:
    """What an error says."""
    return meaning(error.method, error.code, error.node_message)


def stated_limit(message: str, asked: int) -> int:
    """The largest number in an error's words that is below what was asked for; 0 without one.

    Args:
        message: The node's words.
        asked: Calls or blocks that were refused.
    """
    found = 0
    for match in _NUMBER.finditer(message):
        number = int(re.sub(r"\D", "", match.group(1))) * (1000 if match.group(2) else 1)
        if found < number < asked:
            found = number
    return found


def least_tip(message: str) -> int:
    """The tip that a node which found one too low asks for [wei]; 0 when it does not say."""
    found = re.search(r"(?:minimum|tip) needed:? (\d+)", message.lower())
    return int(found.group(1)) if found else 0
