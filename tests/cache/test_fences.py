"""The fence table: tokens that never come back, shared by every fork."""

from __future__ import annotations

import math
import mmap
import os
import struct
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from entitlements.cache.fences import (
    SIZE,
    STRIPES,
    Fences,
    fences_at,
    raise_everywhere,
    raised_at,
    shared_fences,
    tables,
)

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


def test_a_settled_change_raises_the_fence_and_starts_no_settle_window():
    """Rule 3: what is older than Stripe's lag voids what was fetched, and what is fetched next is trusted."""
    table = fences()
    slot = table.slot("s", "cus_1")
    before = table.token(slot)
    token = table.raise_(slot, settled=True)
    assert (token != before, token != 0, raised_at(token)) == (True, True, 0)
    assert not table.settling(token, within=1e12)


def test_a_settled_change_leaves_the_window_of_a_newer_one_open():
    """An old event that is noticed late doesn't make a list trusted that may lag behind a new one."""
    table = fences()
    slot = table.slot("s", "cus_1")
    before = table.raise_(slot)
    token = table.raise_(slot, settled=True)
    assert (token != before, raised_at(token)) == (True, int(NOW))


def test_raising_all_voids_whatever_was_fetched_before():
    """Rule 4: after it no stripe has the token it had, whoever noted it and whenever."""
    table = fences()
    slots = [*range(1024, 1024 + STRIPES, 1_000), 1023 + STRIPES]
    before = {slot: table.raise_(slot) for slot in slots}
    table.raise_all()
    assert all(table.tokens[slot] != token for slot, token in before.items())
    after = {slot: table.token(slot) for slot in slots}
    assert all(after[slot] not in {0, token} for slot, token in before.items())


def test_raising_all_is_no_known_change_of_anybody():
    """Rule 3: it starts no settle window, or every customer would be fetched again and again for some seconds."""
    table = fences()
    slot = table.slot("s", "cus_1")
    table.raise_(slot)
    table.raise_all()
    assert raised_at(table.token(slot)) == 0


def test_raising_all_leaves_what_is_known_of_the_scopes():
    """Feeds, sweeps and budgets are no fences: they stand in the same table, and stay."""
    table = fences()
    table.feed_heard(table.feed("s"))
    table.swept(table.sweep("s"), began=NOW, good_for=60)
    table.budget("s")[0] = 7.5
    table.raise_all()
    assert (table.feed_silence(table.feed("s")), table.sweep_is_live(table.sweep("s"))) == (pytest.approx(0.9), True)
    assert table.budget("s")[0] == 7.5


def test_raising_all_takes_a_moment():
    """It may be done while questions are asked: some tenths of a millisecond, ten at the very most."""
    table = fences()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        table.raise_all()
        took.append(time.perf_counter() - began)
    assert min(took) < 0.010


def test_a_table_over_given_memory_is_the_table_in_it():
    """Two tables over one memory are one: that is what a file, or another process, makes of it."""
    memory = mmap.mmap(-1, SIZE)
    one, other = Fences(memory), Fences(memory)
    slot = one.slot("s", "cus_1")
    assert (one.raise_(slot), one.token(slot)) == (other.tokens[slot], other.token(slot))


def test_every_word_has_its_place():
    """Releases share a table: which word means what must not change without a new layout version."""
    memory = mmap.mmap(-1, SIZE)
    words, table = memoryview(memory).cast("Q"), Fences(memory, wall=lambda: NOW)
    table.feed_heard(table.feed("self/live"))
    table.swept(table.sweep("self/live"), began=NOW, good_for=60)
    table.budget("self/live")[0] = 1.0
    table.raise_(table.slot("self/live", "cus_123"))
    used = {at: word for at, word in enumerate(words) if word and at < 1024}
    assert used == {
        107: 1_795_000_000,
        363: 17_950_000_009 << 29 | 600 << 10 | 293,
        524: 0x3FF0_0000_0000_0000,
    }
    assert [at for at, word in enumerate(words) if word and at >= 1024] == [9_346]
    assert (SIZE, STRIPES) == (2_105_344, 262_144)


def test_a_sweep_is_live_for_as_long_as_its_round_is_good_from_its_beginning():
    """A round shows that changes are followed: those before it began, and for so many seconds no others are missed."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    sweep = table.sweep("self/live")
    assert not table.sweep_is_live(sweep)
    table.swept(sweep, began=NOW - 20, good_for=60)
    live = []
    for now[0] in (NOW, NOW + 39.5, NOW + 40.5):
        live.append(table.sweep_is_live(sweep))
    assert live == [True, True, False]


def test_a_round_that_is_told_late_takes_nothing_back():
    """A process that was held up stamps an old moment after another one's newer; the newer stands."""
    table = Fences(wall=lambda: NOW)
    sweep = table.sweep("self/live")
    table.swept(sweep, began=NOW - 5, good_for=10)
    table.swept(sweep, began=NOW - 50, good_for=10)
    assert table.sweep_is_live(sweep)


def test_a_round_of_a_clock_that_was_ahead_is_written_over():
    """A stamp from the future is no evidence, and stands in the way of none."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    sweep = table.sweep("self/live")
    table.swept(sweep, began=NOW, good_for=10)
    now[0] -= 1_000
    table.swept(sweep, began=now[0], good_for=10)
    assert table.sweep_is_live(sweep)


def test_a_round_from_the_future_is_no_evidence():
    """A stamp from a clock that was ahead shows nothing; a second of difference is none."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    sweep = table.sweep("self/live")
    table.swept(sweep, began=NOW, good_for=60)
    live = []
    for now[0] in (NOW - 0.8, NOW - 1.5, NOW - 1e6):
        live.append(table.sweep_is_live(sweep))
    assert live == [True, False, False]


@pytest.mark.parametrize("good_for", [1e5, 1e12])
def test_a_round_is_good_for_half_a_day_at_most(good_for):
    """What doesn't fit into a word is less evidence, never more."""
    now = [NOW]
    table = Fences(wall=lambda: now[0])
    table.swept(table.sweep("s"), began=NOW, good_for=good_for)
    live = []
    for now[0] in (NOW + 14 * 3_600, NOW + 15 * 3_600):
        live.append(table.sweep_is_live(table.sweep("s")))
    assert live == [True, False]


def test_a_sweep_says_nothing_about_another_scope():
    """Two scopes that share a word hide each other's rounds, and never speak for each other."""
    table = fences()
    mine = table.sweep("self/live")
    other = next(sweep for n in range(10_000) if (sweep := table.sweep(f"acct_{n}/live")) % 128 == mine % 128)
    table.swept(mine, began=NOW, good_for=60)
    assert (table.sweep_is_live(mine), table.sweep_is_live(other)) == (True, False)
    table.swept(other, began=NOW, good_for=60)
    assert (table.sweep_is_live(mine), table.sweep_is_live(other)) == (False, True)


def test_a_budget_is_one_for_everybody():
    """Every process with a scope finds its budget in the same words, 0 at first."""
    memory = mmap.mmap(-1, SIZE)
    one, other = (Fences(memory).budget("self/live") for _ in range(2))
    assert list(other) == [0.0] * 20
    one[19] = 12.25
    assert list(other) == [0.0] * 19 + [12.25]


def test_no_two_budgets_overlap_and_none_reaches_into_another_room():
    """Whatever a scope is called, its words lie between the sweeps' and what a file says of itself."""
    memory = mmap.mmap(-1, SIZE)
    words, table = memoryview(memory).cast("d"), Fences(memory)
    for number in range(300):
        table.budget(f"acct_{number}/live")[:] = memoryview(struct.pack("20d", *range(1, 21))).cast("d")
    assert list(words[384:984]) == [float(number) for number in range(1, 21)] * 30
    assert not any(words[:384]) | any(words[984:])


def test_r38_a_change_reaches_every_table_of_the_process(tmp_path):
    """Two instances of one process on two tables both hear of what either was told."""
    first, second, third = shared_fences(), fences_at(tmp_path / "a"), fences_at(tmp_path / "b")
    slot = first.slot("s", "cus_1")
    before = [table.token(slot) for table in (first, second, third)]
    raise_everywhere(slot)
    heard = [table.tokens[slot] for table in (first, second, third)]
    assert all(one != other for one, other in zip(before, heard, strict=True))
    assert all(table.settling(token, within=10) for table, token in zip((first, second, third), heard, strict=True))
    raise_everywhere(slot, settled=True)
    assert all(table.tokens[slot] != one for table, one in zip((first, second, third), heard, strict=True))
    assert tables() == [first, second, third]


def test_a_process_without_tables_has_none_to_raise():
    """A change that nobody rests on reaches nobody, and makes no table."""
    raise_everywhere(Fences.slot("s", "cus_1"))
    assert tables() == []


def test_memory_without_a_name_stays_where_it_is():
    """A table that nobody can replace never moves, and may be asked like any other."""
    table = fences()
    view, told = table.tokens, []
    table.on_move(lambda: told.append("moved"))
    table.reattach()
    assert (table.replaced(), table.tokens is view, told) == (False, True, [])
