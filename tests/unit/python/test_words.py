import pytest

from bulkhead.risk.words import Kind, Leg, RiskWord, Series, Snapshot

SERIES = Series(1, Kind.PUT, 1_800_000_000, 1800 * 10**8)


def test_series__round_trip():
    assert Series.unpack(SERIES.pack()) == SERIES


def test_leg__keeps_terms_and_sign():
    leg = Leg(Kind.PUT, 1800 * 10**8, -5)
    assert leg.series(1, 1_800_000_000) == SERIES
    assert Leg.unpack(leg.pack()) == leg


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Series.unpack(SERIES.pack() | 4 << 104), "leg/unknown-kind"),
        (lambda: Leg(Kind.CALL, 2**62, 1), "leg/strike-range"),
        (lambda: Leg(Kind.CALL, 0, 1), "leg/strike-kind"),
        (lambda: Leg(Kind.FUTURE, 1, 1), "leg/strike-kind"),
        (lambda: Leg(Kind.CASH, 0, 2**63), "leg/quantity-range"),
        (lambda: Leg.unpack(2**128), "leg/word-range"),
        (lambda: Series.unpack(2**128), "leg/series-range"),
        (lambda: Series(2**16, Kind.CASH, 0), "leg/market-range"),
        (lambda: Series(0, Kind.CASH, 2**40), "leg/expiry-range"),
        (lambda: Snapshot.from_words([0] * 15), "snapshot/length"),
        (lambda: RiskWord(tail_bps=2**16), "parameters/range: tail_bps"),
    ],
)
def test_words__bad_input__names_the_reason(make, reason):
    with pytest.raises(ValueError, match=reason):
        make()


def test_snapshot__negative_rate__survives_the_word():
    snapshot = Snapshot(1, 1, 1, 1, rate=-5)
    assert snapshot.words()[8] == -5
    assert Snapshot.from_words(snapshot.words()) == snapshot
