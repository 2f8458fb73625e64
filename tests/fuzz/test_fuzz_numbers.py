"""Fuzz of `Freshness` and `Limits`: seconds and counts within their bounds, and nothing that merely looks like one."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_values import value

from entitlements import Freshness, InvalidSettings, Limits

KEY = f"sk_live_CANARY{'0' * 90}CANARY"
RULES = (Freshness, Limits)
WHOLE = {"customers", "fetch_threads", "fetches_waiting"}
MAY_BE_ZERO = {"stale_while_revalidate", "stale_if_error", "settle", "recheck_denial_after"}
USUAL = (1, 2, 0.5, 1e-300, 7.0, 300, 3_600, 86_400, 10**9)
EDGES = (0, -0.0, -1, -1e-300, 5e-324, 1e10, 1e10 + 1, 1e308, 10**9 + 1, 3_600.1, 86_400.1, 2**63, 10**400, 10**5_000)
NOT_NUMBERS = (math.nan, math.inf, -math.inf, True, False, "300", "60s", "", [300], (300,), KEY, [KEY], {KEY: KEY})


@dataclass(frozen=True)
class Given:
    rules: type
    numbers: dict[str, object]


def draw(dice):
    rules = dice.choice(RULES)
    names = [field.name for field in fields(rules)]
    given = Given(rules, {name: dice.choice(USUAL) for name in dice.sample(names, dice.choice((0, 1, 1, 2, 3)))})
    if dice.odds(0.5):
        return given
    odd = dice.pick((_edge, _no_number, _anything))(dice)
    return replace(given, numbers={**given.numbers, dice.choice(names): odd})


def _edge(dice):
    return dice.choice(EDGES)


def _no_number(dice):
    return dice.choice(NOT_NUMBERS)


def _anything(dice):
    return value(dice)


def fits(given: Given) -> bool:
    """Say whether every number is one, above 0 or from 0 on, up to its bound; `ttl` is not above `max_stale`."""
    for name, number in given.numbers.items():
        if isinstance(number, bool) or not isinstance(number, int if name in WHOLE else int | float):
            return False
        most = 1e10 if given.rules is Freshness else 3_600 if name.endswith("deadline") else 10**9
        if not (0 < number <= most or (number == 0 and name in MAY_BE_ZERO)):
            return False
    return given.rules is Limits or given.numbers.get("ttl", 300) <= given.numbers.get("max_stale", 86_400)


def judge(given: Given, outcome: object) -> None:
    assert (outcome is not REFUSED) == fits(given)
    if outcome is not REFUSED:
        assert {name: getattr(outcome, name) for name in given.numbers} == given.numbers


NUMBERS = Target(draw, lambda given: given.rules(**given.numbers), judge, InvalidSettings, secrets=("CANARY",))


def test_a_number_is_within_its_bounds_or_named():
    """R91: ten thousand sets of ages and limits: each is kept as given, or refused by name."""
    fuzz(NUMBERS, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_number_is_within_its_bounds_or_named_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(NUMBERS, MOST))  # noqa: T201 - the figures of the soak
