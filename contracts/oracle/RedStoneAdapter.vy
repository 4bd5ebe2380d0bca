# pragma version 0.4.3
"""
@title RedStone adapter: prices signed off chain, checked here, behind the AggregatorV3 face
@license AGPL-3.0-only
@notice One RedStone price as a feed that OracleAdapter can read: `update` takes payloads of RedStone's data service in the
        caller's transaction, checks them (k of n named signers, one timestamp, median) and keeps what came of it as a
        round (oracle/pull_rounds). Anyone may call.
@dev Owns: its rounds. Trusts the signers named at deployment, as a quorum, within what they agree on; nobody else. A quorum
     that signs a false price is a false price; fewer signers than that move nothing beyond the spread allowed, because the
     median of k lies between honest values while fewer than half of the k are false. The half-width of a round is the
     distance from the median to the value farthest from it. Wire format and where its facts are from: docs/oracle.md.
     Layout of a payload, from its end: marker 9 | size of metadata 3 | metadata | number of packages 2 | packages.
     A package, from its end: signature 65 | number of points 3 | size of a value 4 | milliseconds 6 | points of
     (feed id 32 | value). The signature is over keccak256 of all of the package before it.
"""

from contracts.oracle import pull_rounds
from contracts.vaults import signature
from interfaces import IPullFeed

implements: IPullFeed

initializes: pull_rounds

exports: (pull_rounds.latestRoundData, pull_rounds.getRoundData, pull_rounds.half_width, pull_rounds.decimals)


MARKER: constant(bytes9) = 0x000002ed57011e0000
MAX_PAYLOAD: constant(uint256) = 4096
MAX_PAYLOADS: constant(uint256) = 8
MAX_SIGNERS: constant(uint256) = 8
MAX_POINTS: constant(uint256) = 16

# of a payload's end: marker, size of metadata, number of packages
TAIL: constant(uint256) = 14
# of a package's end: signature, number of points, size of a value, milliseconds
HEAD: constant(uint256) = 78
SIGNATURE: constant(uint256) = 65
VALUE: constant(uint256) = 32
POINT: constant(uint256) = 64

FEED_ID: immutable(bytes32)
THRESHOLD: immutable(uint256)
MAX_WIDTH: immutable(uint256)

# signer -> its bit
signers: HashMap[address, uint256]


@deploy
def __init__(feed_id: bytes32, signers: DynArray[address, MAX_SIGNERS], threshold: uint256, max_width_bps: uint256):
    """
    @param feed_id RedStone's name of the price, left-aligned.
    @param signers Accounts that may sign, ascending.
    @param threshold How many of them must have signed a payload, at least 1.
    @param max_width_bps Farthest that a signer's value may be from the median, relative to it [bps].
    """
    assert threshold != 0 and threshold <= len(signers), "redstone/threshold"
    assert max_width_bps != 0 and max_width_bps <= 1000, "redstone/width-range"
    last: uint256 = 0
    bit: uint256 = 1
    for signer: address in signers:
        assert convert(signer, uint256) > last, "redstone/signer-order"
        last = convert(signer, uint256)
        self.signers[signer] = bit
        bit *= 2
    FEED_ID = feed_id
    THRESHOLD = threshold
    MAX_WIDTH = max_width_bps


@external
@payable
def update(update_data: DynArray[Bytes[MAX_PAYLOAD], MAX_PAYLOADS]) -> uint256:
    """
    @notice Checks payloads and keeps each price as a round when it is newer than the last. Costs nothing but gas.
    @param update_data Payloads of RedStone's data service, oldest first.
    @return Number of the newest round afterwards; unchanged when a price is old or its signers too far apart.
    """
    assert msg.value == 0, "redstone/no-fee"
    for payload: Bytes[MAX_PAYLOAD] in update_data:
        self._take(payload)
    return pull_rounds.newest


@internal
def _take(payload: Bytes[MAX_PAYLOAD]):
    size: uint256 = len(payload)
    assert size >= TAIL, "redstone/malformed"
    assert convert(slice(payload, size - 9, 9), bytes9) == MARKER, "redstone/marker"
    metadata: uint256 = convert(slice(payload, size - 12, 3), uint256)
    assert metadata <= size - TAIL, "redstone/malformed"
    end: uint256 = size - TAIL - metadata
    count: uint256 = convert(slice(payload, end, 2), uint256)
    assert count >= THRESHOLD, "redstone/too-few-signers"
    assert count <= MAX_SIGNERS, "redstone/malformed"

    seen: uint256 = 0
    stamp: uint256 = 0
    values: DynArray[uint256, MAX_SIGNERS] = []
    for i: uint256 in range(count, bound=MAX_SIGNERS):
        value: uint256 = 0
        bit: uint256 = 0
        made_at: uint256 = 0
        value, bit, made_at, end = self._package(payload, end)
        assert seen & bit == 0, "redstone/signed-twice"
        seen |= bit
        assert i == 0 or made_at == stamp, "redstone/timestamps-differ"
        stamp = made_at
        # ascending
        values.append(value)
        for j: uint256 in range(i, bound=MAX_SIGNERS):
            at: uint256 = i - j
            if values[at - 1] <= value:
                break
            values[at] = values[at - 1]
            values[at - 1] = value

    published_at: uint256 = stamp // 1000
    assert published_at <= block.timestamp, "redstone/from-the-future"
    assert published_at + pull_rounds.MAX_DELAY >= block.timestamp, "redstone/too-old"
    median: uint256 = (values[(count - 1) // 2] + values[count // 2]) // 2
    width: uint256 = max(values[count - 1] - median, median - values[0])
    pull_rounds._keep(median, width, published_at, MAX_WIDTH)


@internal
@view
def _package(payload: Bytes[MAX_PAYLOAD], end: uint256) -> (uint256, uint256, uint256, uint256):
    """
    @notice Reads and checks the package that ends before `end`.
    @return (value [1e-8], bit of its signer, when it was made [milliseconds], where it begins).
    """
    assert end >= HEAD, "redstone/malformed"
    points: uint256 = convert(slice(payload, end - 68, 3), uint256)
    assert convert(slice(payload, end - 72, 4), uint256) == VALUE, "redstone/malformed"
    made_at: uint256 = convert(slice(payload, end - 78, 6), uint256)
    assert points != 0 and points <= MAX_POINTS and end >= HEAD + points * POINT, "redstone/malformed"
    start: uint256 = end - HEAD - points * POINT
    bit: uint256 = self.signers[
        signature._recover(
            keccak256(slice(payload, start, end - SIGNATURE - start)),
            slice(payload, end - SIGNATURE, SIGNATURE),
        )
    ]
    assert bit != 0, "redstone/not-a-signer"
    for i: uint256 in range(points, bound=MAX_POINTS):
        at: uint256 = start + i * POINT
        if extract32(payload, at) == FEED_ID:
            value: uint256 = extract32(payload, at + 32, output_type=uint256)
            # a price that no feed of 8 decimals has
            assert value < 2**96, "redstone/malformed"
            return value, bit, made_at, start
    raise "redstone/no-such-feed"
