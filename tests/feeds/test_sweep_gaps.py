"""Where it can't be known what was missed, every fence is raised, once; and nothing else is taken for such a gap."""

from __future__ import annotations

import json
import logging

import pytest
from swept import DAY, NOW, World, by_name

from entitlements.errors import StripeError
from entitlements.feeds.position import OVERLAP, Position
from entitlements.feeds.sweep import SweepResult
from entitlements.freshness import Freshness
from entitlements.stripe.errors import ResourceMissing


@pytest.fixture(name="world")
def _world() -> World:
    """A sweep that has followed one event of an hour ago."""
    world = World()
    world.list.add(1, NOW - 3_600)
    world.round()
    world.done()
    world.list.asked.clear()
    return world


def everybody(*young: int) -> dict[str, bool]:
    """Everybody's fence, and by name those whose list may still lag: raising all opens no settle window."""
    return {"*": True, **by_name(*young)}


def then_all_is_well(world: World) -> bool:
    """Say whether the round after a gap is one like any other."""
    world.done()
    world.list.add(900, int(world.wall()))
    return (world.round().gap, world.raised()) == (None, by_name(900))


def test_a_missing_last_event_is_a_gap(world):
    """The list isn't the one that was followed: everything is raised, then the position moves, then it is stamped."""
    world.list.events.clear()
    world.list.add(2, NOW)
    world.list.add(3, NOW - 1_000)
    began = world.now()
    result = world.round()
    assert result == SweepResult(2, 1, "the last event seen is no longer listed", stamped=True)
    assert world.done() == [("all",), ("raise", "cus_2", False), ("note",), ("stamp", began)]
    assert then_all_is_well(world)


def test_an_account_emptied_is_a_gap_once(world):
    """A sandbox that was wiped: all is raised, and from then on nothing having happened is nothing to worry about."""
    world.list.events.clear()
    assert world.round().gap == "the last event seen is no longer listed"
    assert world.raised() == everybody()
    for _ in range(3):
        world.wall.tick(15)
        assert world.round() == SweepResult(stamped=True)
    assert then_all_is_well(world)


def test_a_crash_in_a_gap_repeats_it(world):
    """The position isn't moved before everything was raised."""
    world.list.events.clear()
    world.breaking = "the note"
    with pytest.raises(RuntimeError):
        world.round()
    world.done()
    world.breaking = None
    world.restarted()
    world.round()
    assert world.raised() == everybody()


def test_31_days_away_are_a_gap(world):
    """What happened longer ago than Stripe keeps can't be listed: one request finds where to go on."""
    world.wall.tick(31 * DAY)
    now = NOW + 31 * DAY
    world.list.add(2, now - 20 * DAY)
    world.list.add(3, now)
    assert world.round().gap == "events of so long ago aren't kept by Stripe"
    assert world.raised() == everybody(3)
    assert len(world.list.asked) == 1
    assert then_all_is_well(world)


def test_31_days_away_from_a_quiet_account_are_a_gap_once(world):
    """Nothing is listed any more, and that is the position from then on."""
    world.wall.tick(31 * DAY)
    assert world.round().gap == "events of so long ago aren't kept by Stripe"
    world.done()
    assert world.round() == SweepResult(stamped=True)
    assert then_all_is_well(world)


def test_while_stripe_is_down_a_gap_raises_nothing(world):
    """To void what an outage lives on would make it worse: everything is raised when Stripe answers again."""
    world.wall.tick(31 * DAY)
    world.list.failing = {1: StripeError("down", status=503)}
    with pytest.raises(StripeError):
        world.round()
    assert world.done() == []
    world.round()
    assert world.raised() == everybody()


def test_28_days_away_are_none(world):
    """Stripe still lists all of it: what happened is raised by name."""
    world.wall.tick(28 * DAY)
    world.list.add(2, NOW + DAY)
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)
    assert world.raised() == by_name(2, settled=True)


@pytest.mark.parametrize("happened", [0, 1])
def test_31_quiet_days_are_none(happened):
    """An account that is swept all the while has no gap, though its last event is kept no longer."""
    world = World()
    for number in range(happened):
        world.list.add(number, NOW)
    world.round()
    for _ in range(31 * 8 * 3):
        world.wall.tick(3 * 3_600)
        assert world.round() == SweepResult(stamped=True)
    assert [entry[0] for entry in world.done()].count("note") <= 10
    assert then_all_is_well(world)


@pytest.mark.parametrize("times", [1, 3])
def test_r61_a_cursor_that_vanishes_begins_the_reading_again(world, times):
    """The list is read again from its newest page, up to three times, and nothing is lost by it."""
    for number in range(2, 152):
        world.list.add(number, NOW)
    world.list.gone = times
    assert world.round() == SweepResult(events=150, customers=150, stamped=True)
    assert world.raised() == by_name(*range(2, 152))
    assert len(world.list.asked) == 2 * (times + 1)


def test_r61_a_cursor_that_vanishes_again_and_again_is_a_gap(world):
    """After three readings more than one, nothing is known but the newest page, and all is raised."""
    for number in range(2, 152):
        world.list.add(number, NOW)
    world.list.gone = 99
    assert world.round() == SweepResult(100, 100, "the event list changed under every one of 4 readings", stamped=True)
    assert world.raised() == everybody(*range(2, 102))
    assert len(world.list.asked) == 8


@pytest.mark.parametrize("request_number", [1, 2])
def test_anything_else_that_is_missing_is_an_error(world, request_number):
    """Only a cursor's going begins the reading again."""
    for number in range(2, 152):
        world.list.add(number, NOW)
    world.list.failing = {request_number: ResourceMissing("No such account", status=404, param="account")}
    with pytest.raises(ResourceMissing):
        world.round()
    assert len(world.list.asked) == request_number
    assert world.done() == []


def test_r62_more_than_ten_thousand_events_are_a_gap(world):
    """A hundred pages are read, then it is cheaper to raise everything than to read on."""
    for number in range(2, 10_003):
        world.list.add(number, NOW - number % 3_000)
    result = world.round()
    assert (result.events, result.gap) == (10_000, "more than 10000 events")
    assert world.raised()["*"] is True
    assert len(world.list.asked) == 100
    world.list.asked.clear()
    assert world.round().gap is None


@pytest.mark.parametrize(
    "about", [{}, {"customer": None}, {"customer": 7}, {"customer": {}}, {"customer": ""}, {"customer": "c" * 256}]
)
def test_an_event_that_can_not_be_read_raises_everybody(world, about, caplog):
    """It names somebody we can't find: that is never passed over, and never read twice."""
    world.list.add(2, NOW - 100, about=about)
    world.list.add(3, NOW)
    with caplog.at_level(logging.WARNING, "entitlements"):
        result = world.round()
    assert (result.events, result.gap) == (
        2,
        "event 'evt_2' can't be read: the event 'entitlements...mmary.updated' names no customer",
    )
    assert world.raised() == everybody(3)
    assert [record.getMessage() for record in caplog.records] == [f"the sweep raises every fence: {result.gap}"]
    assert world.round() == SweepResult(stamped=True)


def test_gaps_in_every_round_are_told_seldom(world, caplog):
    """A list that goes wrong for good must not become a flood of warnings."""
    with caplog.at_level(logging.WARNING, "entitlements"):
        for number in range(2, 12):
            world.list.add(number, NOW, about={})
            assert world.round().gap
    assert len(caplog.records) == 1


# --- no position -----------------------------------------------------------------------------------------------------

GOOD = {"version": 1, "since": NOW - 60, "last": "evt_1", "noticed": NOW, "seen": ["evt_1"]}
DAMAGED = {
    "none": None,
    "empty": "",
    "no JSON": "{",
    "null": "null",
    "a list": "[]",
    "deep": "[" * 100_000,
    "half a character": '{"since": "\ud800"}',
    **{
        f"{name} {value!r}": json.dumps({**GOOD, name: value})
        for name, values in {
            "version": [0, 2, "1", None],
            "since": [-1, 1.5, True, "1", None, NOW + 3_600, 10**18],
            "last": [7, []],
            "noticed": [-1, None, "1"],
            "seen": [None, {}, [7], "evt_1"],
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("note", DAMAGED.values(), ids=DAMAGED.keys())
def test_without_a_position_whatever_may_still_be_served_is_asked_back_for(note):
    """Nothing older than `max_stale` is served: those whom its events name are raised, and nobody else is."""
    world = World()
    world.list.add(1, NOW - DAY - 10)
    world.list.add(2, NOW - DAY + 10)
    world.list.add(3, NOW)
    world.list.add(4, NOW - 2 * DAY)
    if note is not None:
        world.notes.write_note("sweep", note)
    assert world.round() == SweepResult(events=3, customers=3, stamped=True)
    assert world.raised() == {**by_name(3), **by_name(1, 2, settled=True)}
    assert [asked["created_from"] for asked in world.list.asked] == [NOW - DAY - OVERLAP]


def test_a_position_written_is_a_position_read():
    """The note that damage is told from is one that passes."""
    assert Position.read(json.dumps(GOOD), now=NOW) == Position(NOW - 60, "evt_1", NOW, ("evt_1",))


def test_a_clock_that_was_set_back_makes_a_position_worthless(world):
    """A position in the future would let whatever happens until then go by."""
    world.wall.tick(-2 * 3_600)
    world.list.add(2, NOW - 2 * 3_600 - 5)
    world.round()
    assert world.raised()["cus_2"] is False
    assert world.list.asked[0]["created_from"] == NOW - 2 * 3_600 - DAY - OVERLAP


def test_a_clock_that_is_a_little_unsteady_does_not(world):
    """Two processes of a host may read the second differently."""
    world.list.add(2, NOW)
    for _ in range(2):
        world.round()
        world.wall.tick(OVERLAP + 1)
    world.round()
    world.done()
    world.wall.tick(-2 * (OVERLAP + 1) - 2)
    assert world.round() == SweepResult(stamped=True)


@pytest.mark.parametrize("days", range(1, 32))
def test_a_clock_that_is_ahead_passes_over_nothing(days):
    """Where nothing has happened for weeks, the position keeps a day's distance from what our clock takes for now."""
    world = World()
    for _ in range(days):
        world.round()
        world.wall.tick(DAY)
    world.list.add(1, int(world.wall()) - 30 * 3_600)
    world.done()
    world.round()
    assert world.raised() == by_name(1, settled=True)


def test_a_process_that_shares_nothing_asks_back_no_further_than_its_beginning():
    """Nothing it may serve is older than itself, so a restart doesn't read a day of events."""
    world = World(fetched_since=5_000.0)
    world.list.add(1, NOW - 3_600)
    world.list.add(2, NOW + 30)
    world.wall.tick(300)
    world.now.tick(300)
    assert world.round().events == 1
    assert world.raised() == by_name(2, settled=True)
    assert world.list.asked[0]["created_from"] == NOW - OVERLAP - 1  # the journal's clock ticked while it read the note


def test_a_process_whose_clock_was_set_back_asks_back_for_all_that_may_be_served():
    """How long it has lived can't be told, so it is taken for as old as anything it may serve."""
    world = World(fetched_since=5_000.0)
    world.now.tick(-3_600)
    world.list.add(1, NOW - DAY + 100)
    world.round()
    assert world.raised() == by_name(1, settled=True)


def test_staleness_beyond_what_stripe_keeps_begins_with_everybody():
    """Where thirty days may be served, no list of events says what to let go."""
    world = World(freshness=Freshness(max_stale=30 * DAY))
    world.list.add(1, NOW - 100)
    assert world.round().gap == "events of so long ago aren't kept by Stripe"
    assert world.raised() == everybody()
    assert then_all_is_well(world)


def test_more_events_than_can_be_read_begin_with_everybody():
    """A first round reads ten thousand events at most."""
    world = World()
    for number in range(10_001):
        world.list.add(number, NOW - number)
    assert world.round().gap == "more than 10000 events"
    assert world.raised() == everybody(*range(12))
