"""R42: a change whose webhook never comes is noticed by a round of the sweep, and costs one request to look for."""

from __future__ import annotations

import itertools

import pytest
from swept import DAY, NOW, World, by_name

from entitlements.feeds.position import OVERLAP, Position
from entitlements.feeds.sweep import SweepResult
from entitlements.freshness import Freshness

TYPES = (
    "entitlements.active_entitlement_summary.updated",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.trial_will_end",
    "customer.created",
    "customer.deleted",
)


@pytest.fixture(name="world")
def _world() -> World:
    """A sweep of an account where nothing has happened, after its first round."""
    world = World()
    world.round()
    world.done()
    world.list.asked.clear()
    return world


def test_a_round_raises_then_advances_then_stamps_the_moment_before_it_began(world):
    """Rules 16 and 17: a crash between any two of these repeats a raise, and the stamp never says too much."""
    world.list.add(1, NOW)
    began = world.now()
    result = world.round()
    assert world.done() == [("raise", "cus_1", False), ("note",), ("stamp", began)]
    assert result == SweepResult(events=1, customers=1, stamped=True)


def test_a_page_is_one_request_for_every_type_there_is(world):
    """All that may change somebody's access is asked for at once, within Stripe's limit of twenty types."""
    world.round()
    since = NOW - DAY - OVERLAP
    assert world.list.asked == [{"types": TYPES, "created_from": since, "after": None, "limit": 100}]


@pytest.mark.parametrize("kind", TYPES)
def test_whatever_may_change_access_is_noticed(world, kind):
    """R46: a pause changes who may do what by many a merchant's rule, and sends no summary."""
    world.list.add(1, NOW, kind)
    world.round()
    assert world.raised() == by_name(1)


def test_a_customer_is_raised_once_a_round(world):
    """A purchase makes several events: they cost one raise, and the youngest says whether the list may lag."""
    for number, age in ((1, 3_000), (2, 2), (3, 1_000)):
        world.list.add(number, NOW - age, about={"customer": "cus_1"})
    assert world.round() == SweepResult(events=3, customers=1, stamped=True)
    assert world.raised() == by_name(1)


@pytest.mark.parametrize(("age", "settled"), [(-3_600, False), (0, False), (11, False), (12, True), (500, True)])
def test_r43_an_event_of_a_moment_ago_opens_the_settle_window(world, age, settled):
    """Stripe's list may lag behind its own event for ten seconds; one dated in the future counts as of now."""
    world.list.add(1, NOW - age)
    world.round()
    assert world.raised() == by_name(1, settled=settled)


def test_the_settle_window_is_as_wide_as_freshness_says():
    """Whoever sets `settle` sets it for the sweep too."""
    world = World(freshness=Freshness(settle=100))
    world.list.add(1, NOW - 90)
    world.round()
    assert world.raised() == by_name(1)


# --- each event once, none never -------------------------------------------------------------------------------------


def test_what_was_seen_is_not_raised_again(world):
    """The overlap is read in every round, and costs nobody a fetch."""
    world.list.add(1, NOW)
    world.round()
    world.done()
    assert world.round() == SweepResult(stamped=True)
    assert world.raised() == {}


@pytest.mark.parametrize("late", [0, 1, 59, 60])
def test_r30_an_event_that_appears_late_or_shares_a_second_is_noticed(world, late):
    """Events come into the list out of order: a minute before the newest is looked at again."""
    world.list.add(1, NOW)
    world.round()
    world.done()
    world.list.add(2, NOW - late)
    world.wall.tick(20)
    assert world.round().events == 1
    assert world.raised() == by_name(2, settled=late + 20 > 11)


def test_a_reading_that_takes_long_shortens_no_overlap(world):
    """How long an event has been known counts from when it was read, not from when it was asked for."""
    world.list.taking = 50
    world.list.add(1, NOW + 40)
    world.round()
    world.list.taking = 0
    world.wall.tick(20)
    world.round()
    world.done()
    world.list.add(2, NOW + 39)
    world.round()
    assert world.raised() == by_name(2, settled=True)


def test_events_end_alike_in_whatever_order_they_appear():
    """I11: however five events of one minute come into the list, each is raised once, and the position is the same."""
    ends = set()
    for order in itertools.permutations([(1, NOW), (2, NOW), (3, NOW - 30), (4, NOW - 59), (5, NOW - 1)]):
        world = World()
        world.round()
        for number, created in order:
            world.list.add(number, created)
            world.round()
        named = sorted(str(entry[1]) for entry in world.done() if entry[0] == "raise")
        assert named == ["cus_1", "cus_2", "cus_3", "cus_4", "cus_5"]
        ends.add(world.read_note("sweep"))
    assert len(ends) == 1


def test_another_process_goes_on_where_the_last_one_was(world):
    """A restart raises nothing that was raised before, and misses nothing that happened meanwhile."""
    world.list.add(1, NOW)
    world.round()
    world.done()
    world.wall.tick(3 * DAY)
    world.list.add(2, NOW + DAY)
    world.restarted()
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)
    assert world.raised() == by_name(2, settled=True)


def test_an_event_in_the_future_moves_nothing(world):
    """A test clock dates events years ahead; what happens today is noticed all the same, and each event once."""
    world.list.add(1, NOW + 400 * DAY)
    raised = []
    for number in (2, 3):
        for _ in range(2):
            world.round()
            raised += world.raised()
        world.list.add(number, int(world.wall()))
        world.wall.tick(100)
    world.round()
    assert [*raised, *world.raised()] == ["cus_1", "cus_2", "cus_3"]


def test_an_event_of_another_account_is_raised_here_too(world):
    """The list was asked for by our own key: whatever it says, a fence raised for nothing costs one fetch."""
    world.list.add(1, NOW)
    world.list.events[0] = world.list.events[0].model_copy(update={"account": "acct_other"})
    world.round()
    assert world.raised() == by_name(1)


def test_who_is_billed_by_account_is_nobody_s_fence(world):
    """An event that names an account instead of a customer is read as a webhook would be: it concerns nobody here."""
    world.list.add(1, NOW, about={"customer": None, "customer_account": "acct_9"})
    assert world.round() == SweepResult(events=1, stamped=True)
    assert world.raised() == {}


def test_only_what_will_be_read_again_is_remembered(world):
    """The position is as short as the minute it looks back to."""
    for number, age in ((1, 3_600), (2, 60), (3, 0)):
        world.list.add(number, NOW - age)
    world.round()
    assert Position.read(world.read_note("sweep"), now=NOW) == Position(NOW - 60, "evt_3", NOW, ("evt_3", "evt_2"))


@pytest.mark.parametrize(("length", "remembered"), [(4, range(2_000, 2_001)), (200, range(200, 400))])
def test_more_events_than_can_be_remembered_cost_fetches_and_nothing_else(world, length, remembered):
    """The memory of the overlap is bounded in number and in bytes: the oldest are forgotten, and raised again."""
    for number in range(3_000):
        world.list.add(number, NOW - number // 60)
        event = world.list.events[-1]
        world.list.events[-1] = event.model_copy(update={"id": f"{event.id:x<{length}}"})
    world.round()
    assert len(world.raised()) == 3_000
    assert len(world.read_note("sweep") or "") < 70_000
    world.list.add(3_000, NOW)
    world.round()
    again = world.raised()
    assert again.pop("cus_3000") is False
    kept = 3_000 - len(again)
    assert kept in remembered
    assert again.keys().isdisjoint(by_name(*range(kept - 60)))


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happened", [0, 1, 99])
def test_nothing_new_is_no_gap_and_costs_one_request(world, happened):
    """A hundred quiet rounds: a request each, a stamp each, and the position is written down twice at most."""
    for number in range(happened):
        world.list.add(number, NOW)
    world.round()
    world.done()
    world.list.asked.clear()
    for _ in range(100):
        world.wall.tick(15)
        assert world.round() == SweepResult(stamped=True)
    done = [entry[0] for entry in world.done()]
    assert (len(world.list.asked), done.count("stamp"), done.count("raise"), done.count("all")) == (100, 100, 0, 0)
    assert done.count("note") <= 1


@pytest.mark.parametrize(("changes", "requests"), [(100, 1), (101, 2), (250, 3)])
def test_changes_cost_a_request_a_hundred(world, changes, requests):
    """All of them are noticed in one round."""
    for number in range(changes):
        world.list.add(number, NOW - number % 7)
    assert world.round() == SweepResult(events=changes, customers=changes, stamped=True)
    assert len(world.list.asked) == requests


def test_a_burst_is_not_read_again_for_the_rest_of_a_quiet_night(world):
    """Once nothing can appear late any more, the overlap ends at the last event, and never opens again before it."""
    for number in range(1_000):
        world.list.add(number, NOW + number // 20)
    world.wall.tick(50)
    world.round()
    for _ in range(5):
        world.wall.tick(15)
        world.round()
    world.list.asked.clear()
    world.wall.tick(15)
    assert world.round() == SweepResult(stamped=True)
    assert len(world.list.asked) == 1
    world.done()
    world.list.add(1_000, NOW + 90)
    for _ in range(2):
        world.round()
    assert world.raised() == by_name(1_000, settled=True)


def test_what_a_webhook_has_handled_costs_no_second_fetch(world):
    """An event whose fence was raised when its webhook came isn't raised again; others are."""
    for number in (1, 2):
        world.list.add(number, NOW)
    world.sweep.handled("evt_1")
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)
    assert world.raised() == by_name(2)


def test_the_memory_of_handled_webhooks_is_bounded(world):
    """A million webhooks take no more room than ten thousand; the forgotten cost a fetch."""
    for number in range(20_000):
        world.sweep.handled(f"evt_{number}")
    world.sweep.handled("evt_" + "x" * 1_000_000)
    assert sum(map(len, world.sweep._handled)) < 200_000
    world.list.add(1, NOW)
    world.list.add(19_000, NOW)
    world.round()
    assert world.raised() == by_name(1)
