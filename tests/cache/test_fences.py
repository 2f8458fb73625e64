"""The fence table: tokens that never come back, shared by every fork."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise

import pytest

from entitlements.cache.fences import STRIPES, Fences, raised_at

NOW = 1_795_000_000.9


def fences(wall: float = NOW, entropy=os.urandom) -> Fences:
    return Fences(wall=lambda: wall, entropy=entropy)


def test_a_new_table_is_all_zeros_and_zero_is_never_good():
    """Rule 4: whoever sees zero writes a fresh token, so a new table needs no preparing."""
    table = fences()
    slot = table.slot("self/live", "cus_1")
    assert table.tokens[slot] == 0
    token = table.token(slot)
    assert token != 0
    assert table.token(slot) == token


def test_a_first_token_knows_of_no_change():
    """Rule 3: only a raise for a known change carries its time; a cold customer starts no settle window."""
    table = fences()
    token = table.token(table.slot("self/live", "cus_1"))
    assert raised_at(token) == 0
    assert not table.settling(token, within=1e12)


def test_a_first_token_does_not_hide_a_change_that_became_known_meanwhile():
    """Rule 3: who saw zero and was held up leaves a raise as it is, with its time."""
    raised = []

    def entropy(size):
        if not raised:
            raised.append(None)
            raised.append(table.raise_(slot))
        return os.urandom(size)

    table = fences(entropy=entropy)
    slot = table.slot("self/live", "cus_1")
    assert table.token(slot) == raised[1]


def test_a_raise_that_was_held_up_does_not_write_an_older_time():
    """Rule 3: of two raises at once, the one that ends last carries the later time."""
    now = [NOW]

    def entropy(size):
        now[0] += 5
        return os.urandom(size)

    table = Fences(wall=lambda: now[0], entropy=entropy)
    assert raised_at(table.raise_(table.slot("s", "cus_1"))) == int(NOW) + 5


def test_a_raise_carries_the_whole_second_at_which_the_change_became_known():
    """Rule 3: every process can tell that an event came a moment ago."""
    table = fences()
    token = table.raise_(table.slot("self/live", "cus_1"))
    assert raised_at(token) == int(NOW)
    assert table.settling(token, within=10)


def test_settling_ends_and_a_time_in_the_future_counts_as_now():
    """Rule 3: a skewed clock makes a token settle longer, never shorter."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    token = table.raise_(table.slot("s", "cus_1"))
    now[0] += 11
    assert not table.settling(token, within=10)
    now[0] -= 1_000
    assert table.settling(token, within=10)


def test_ten_thousand_raises_never_repeat_a_token():
    """Rule 3: a token is random, so what was fetched behind an old one can't become good again."""
    table = fences()
    slot = table.slot("s", "cus_1")
    tokens = [table.raise_(slot) for _ in range(10_000)]
    assert len(set(tokens)) > 9_990  # 31.9 random bits within one second: a repeat now and then is no succession
    assert all(one != next_one for one, next_one in pairwise(tokens))


@pytest.mark.parametrize(
    "unlucky", [b"\0\0\0\0", b"\0\0\0\x80", b"\xff\xff\xff\xff", b"\0\0\xf0\x7f", b"\xff\xff\x0f\0"]
)
def test_a_token_is_always_a_normal_number(unlucky):
    """Tokens are compared as floats: zero, NaN, infinity and whatever may be flushed to zero are drawn again."""
    draws = iter([unlucky, b"\x01\x02\x03\x44"])
    table = fences(entropy=lambda _: next(draws))
    token = table.raise_(table.slot("s", "cus_1"))
    assert math.isfinite(token)
    assert abs(token) >= sys.float_info.min
    assert raised_at(token) == int(NOW)


def test_the_stripe_is_the_same_in_every_process_and_release():
    """Rule 7: a fixed hash, never `hash()`; these figures must not change."""
    assert Fences.slot("self/live", "cus_123") == 9_346
    script = "from entitlements.cache.fences import Fences; print(Fences.slot('self/live', 'cus_123'))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(told.stdout) == 9_346


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "bc"), ("ab", "c")), (("self/live", "cus_1"), ("self/test", "cus_1")), (("", "a:b"), ("a", ":b"))],
)
def test_two_scopes_don_t_run_into_one(one, other):
    """R12: the scope's length is part of what is hashed."""
    assert Fences.slot(*one) != Fences.slot(*other)


def test_stripes_are_used_evenly():
    """A hundred thousand customers share stripes about as often as chance has it."""
    used = {Fences.slot("self/live", f"cus_{n}") for n in range(100_000)}
    expected = STRIPES * (1 - math.exp(-100_000 / STRIPES))
    assert abs(len(used) - expected) < 1_000


def test_a_live_feed_is_known_by_its_scope():
    """A webhook verified for one account says nothing about another's."""
    table = fences()
    mine, other = table.feed("self/live"), table.feed("acct_1/live")
    table.feed_heard(mine)
    assert table.feed_silence(mine) == pytest.approx(0.9)
    assert table.feed_silence(other) == math.inf


def test_a_feed_heard_in_the_future_is_no_feed():
    """A stamp from a clock that was ahead is evidence of nothing."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    table.feed_heard(table.feed("s"))
    now[0] -= 100
    assert table.feed_silence(table.feed("s")) == math.inf
