"""bulkhead.client: amounts between a caller's edge and the chain's integers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.client import PackageLeg, from_wad, to_native, to_quantity, to_strike, to_wad
from bulkhead.risk.words import Kind


@pytest.mark.parametrize("amount", [3, "3", Decimal(3), "3.000000", np.int64(3)])
def test_to_native__int_text_or_decimal__is_exact(amount):
    assert to_native(amount, 6) == 3 * 10**6
    assert to_native(amount, 18) == 3 * 10**18
    assert to_quantity(amount) == 3 * 10**6


@pytest.mark.parametrize("amount", [0.1, 2.7, 3.0, float("nan"), np.float64(0.1)])
def test_amount__float__is_refused_as_a_float(amount):
    for convert in (lambda a: to_native(a, 6), to_quantity):
        with pytest.raises(BadInput, match="is a float"):
            convert(amount)


@pytest.mark.parametrize("price", [0.1, 0.3, 2.7, 1234.56, np.float64(0.1)])
def test_price__float__is_taken_as_it_reads(price):
    assert to_wad(price) == int(Decimal(str(float(price))).scaleb(18))
    assert to_strike(price) == int(Decimal(str(float(price))).scaleb(8))


@pytest.mark.parametrize("amount", ["nan", "inf", "-inf", "", "1,5", "0x1", None, [], "1e999999999", float("inf")])
def test_number__that_is_none__is_a_sentence(amount):
    for convert in (lambda a: to_native(a, 6), to_quantity, to_wad, to_strike):
        with pytest.raises(BadInput):
            convert(amount)


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_to_native__finer_than_the_token__is_refused(decimals):
    least = Decimal(1).scaleb(-decimals)
    assert to_native(least, decimals) == 1
    for amount in (least / 10, -least):
        with pytest.raises(BadInput, match=f"a token with {decimals} decimals"):
            to_native(amount, decimals)


def test_numbers__of_many_digits__keep_them_all():
    number = 123_456_789_012_345_678_901_234_567_890_123_456_789
    assert to_wad(from_wad(number)) == number
    assert to_native(Decimal(number).scaleb(-18), 18) == number


@pytest.mark.parametrize(("text", "ratio"), [("-put:160", -1), ("+put:160", 1), ("-3*PUT:160", -3), ("2*put:160", 2)])
def test_package_leg__text__has_sign_and_count(text, ratio):
    assert PackageLeg.parse(text) == PackageLeg(Kind.PUT, Decimal(160), ratio)
