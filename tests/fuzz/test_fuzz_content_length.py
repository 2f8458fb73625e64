"""Fuzz of a Content-Length: the digits of ASCII and nothing else declare a length."""

from __future__ import annotations

import re

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_texts import spoilt_text

from entitlements import SignatureError
from entitlements.web.webhook import MOST_READ, declared_length


def draw(dice):
    good = str(dice.choice((0, 5, 512, 262_144, 262_145, 10**15 - 1, 10**15, 10**40)))
    return good if dice.odds(0.4) else spoilt_text(dice, good, times=dice.choice((1, 2)))


def judge(header: str, outcome: object) -> None:
    """What is no number declares nothing; an endless one is merely more than is ever read."""
    declared = (
        int(header) if re.fullmatch("[0-9]{1,15}", header) else MOST_READ if re.fullmatch("[0-9]+", header) else 0
    )
    assert outcome == (declared or REFUSED)


LENGTHS = Target(draw, lambda given: declared_length(given) or REFUSED, judge, SignatureError)


def test_a_length_is_digits_or_declares_nothing():
    """R93: ten thousand headers: a number by every digit of it, or none."""
    fuzz(LENGTHS, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_length_is_digits_or_declares_nothing_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(LENGTHS, MOST))  # noqa: T201 - the figures of the soak
