# pragma version 0.4.3
"""
@title RedStone adapter: prices signed off chain, checked here, behind the AggregatorV3 face
@license AGPL-3.0-only
@notice One RedStone price as a feed that OracleAdapter can read: payloads of RedStone's data service come in the caller's
        transaction, are checked (k of n named signers, one timestamp, median) and stay as spot and samples
        (oracle/pull_rounds). Anyone may call.
@dev Owns: its samples. Trusts the signers named at deployment, as a quorum, within what they agree on; nobody else. A quorum
     that signs a false price is a false price; fewer signers than that move nothing beyond the spread allowed, because the
     median of k lies between honest values while fewer than half of the k are false. The half-width is the distance from the
     median to the value farthest from it. The sample of a minute T are the packages stamped T; of two payloads for it that with
     more signers counts, so whoever brings all of them leaves nobody a choice. Wire format and where its facts are from:
     docs/oracle.md.
     Layout of a payload, from its end: marker 9 | size of metadata 3 | metadata | number of packages 2 | packages.
     A package, from its end: signature 65 | number of points 3 | size of a value 4 | milliseconds 6 | points of
     (feed id 32 | value). The signature is over keccak256 of all of the package before it.
"""

from contracts.oracle import pull_rounds
from contracts.vaults import signature
from interfaces import IPullFeed

implements: IPullFeed

initializes: pull_rounds

exports: (pull_rounds.latestRoundData, pull_rounds.getRoundData, pull_rounds.prices_at, pull_rounds.decimals, pull_rounds.feed_kind)


# what a payload says
struct Signed:
    price: uint256       # median [1e-8]
    half_width: uint256  # from it to the farthest value [1e-8]
    made_at: uint256     # [milliseconds]
    signers: uint256


MARKER: constant(bytes9) = 0x000002ed57011e0000
MAX_PAYLOAD: constant(uint256) = 4096
MAX_PAYLOADS: constant(uint256) = 8
MAX_SAMPLES: constant(uint256) = pull_rounds.MAX_SAMPLES
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
ALL_SIGNERS: immutable(uint256)
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
    ALL_SIGNERS = len(signers)
    MAX_WIDTH = max_width_bps


@external
@payable
def update(update_data: DynArray[Bytes[MAX_PAYLOAD], MAX_PAYLOADS]) -> bool:
    """
    @notice Checks payloads and takes each price as spot when it is newer than the last. Costs nothing but gas.
    @param update_data Payloads of RedStone's data service, oldest first.
    @return Whether spot is another one now; not when the prices are old or their signers too far apart.
    """
    assert msg.value == 0, "redstone/no-fee"
    moved: bool = False
    for payload: Bytes[MAX_PAYLOAD] in update_data:
        found: Signed = self._read(payload)
        published_at: uint256 = found.made_at // 1000
        assert published_at <= block.timestamp, "redstone/from-the-future"
        assert published_at + pull_rounds.MAX_DELAY >= block.timestamp, "redstone/too-old"
        moved = pull_rounds._keep_spot(found.price, found.half_width, published_at, MAX_WIDTH) or moved
    return moved


@external
@payable
def bring(at: uint256, update_data: Bytes[MAX_PAYLOAD]):
    """
    @notice Brings the sample of one minute, which becomes spot too when it is new enough.
    @param at The minute [unix seconds].
    @param update_data Payload whose packages are stamped with it, of as many signers as there are.
    """
    assert msg.value == 0, "redstone/no-fee"
    pull_rounds._check_sample(at, self._count(update_data))
    self._bring(at, update_data)


@external
@payable
def bring_many(
    at: DynArray[uint256, MAX_SAMPLES], update_data: DynArray[Bytes[MAX_PAYLOAD], MAX_SAMPLES]
) -> uint256:
    """
    @notice Brings samples, leaving out what is too late by now, or there already with as many signers.
    @param at Their minutes [unix seconds].
    @param update_data A payload for each.
    @return How many were kept.
    """
    assert msg.value == 0, "redstone/no-fee"
    assert len(at) == len(update_data), "pull/lengths"
    kept: uint256 = 0
    for i: uint256 in range(len(at), bound=MAX_SAMPLES):
        signers: uint256 = self._count(update_data[i])
        if not pull_rounds._is_wanted(at[i], signers):
            continue
        pull_rounds._check_sample(at[i], signers)
        self._bring(at[i], update_data[i])
        kept += 1
    return kept


@external
@view
def samples(start: uint256, upto: uint256) -> IPullFeed.Samples:
    """
    @notice What a settlement window needs, for the seconds [start, upto).
    @param start Begin of the window, a whole minute [unix seconds].
    @param upto End of what is asked for, at most two hours later [unix seconds].
    @return Sum, begin, last, missing, whether all is there (interfaces/IPullFeed).
    """
    return pull_rounds._samples(start, upto, ALL_SIGNERS)


@internal
def _bring(at: uint256, payload: Bytes[MAX_PAYLOAD]):
    found: Signed = self._read(payload)
    assert found.made_at == at * 1000, "redstone/another-minute"
    pull_rounds._keep_sample(at, found.price, found.half_width, found.signers, MAX_WIDTH)
    pull_rounds._keep_spot(found.price, found.half_width, at, MAX_WIDTH)


@internal
@pure
def _end(payload: Bytes[MAX_PAYLOAD]) -> uint256:
    """
    @notice Where the packages of a payload end.
    """
    size: uint256 = len(payload)
    assert size >= TAIL, "redstone/malformed"
    assert convert(slice(payload, size - 9, 9), bytes9) == MARKER, "redstone/marker"
    metadata: uint256 = convert(slice(payload, size - 12, 3), uint256)
    assert metadata <= size - TAIL, "redstone/malformed"
    return size - TAIL - metadata


@internal
@view
def _count(payload: Bytes[MAX_PAYLOAD]) -> uint256:
    """
    @notice How many packages a payload says it has.
    """
    count: uint256 = convert(slice(payload, self._end(payload), 2), uint256)
    assert count >= THRESHOLD, "redstone/too-few-signers"
    assert count <= MAX_SIGNERS, "redstone/malformed"
    return count


@internal
@view
def _read(payload: Bytes[MAX_PAYLOAD]) -> Signed:
    """
    @notice Checks a payload: known signers, each once, one timestamp.
    """
    count: uint256 = self._count(payload)
    end: uint256 = self._end(payload)
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

    median: uint256 = (values[(count - 1) // 2] + values[count // 2]) // 2
    return Signed(
        price=median,
        half_width=max(values[count - 1] - median, median - values[0]),
        made_at=stamp,
        signers=count,
    )


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
