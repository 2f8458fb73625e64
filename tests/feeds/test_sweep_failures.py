"""Whatever fails or dies in the midst of a sweep, its next round makes up for; and one process of a host sweeps."""

from __future__ import annotations

import pytest
from controlled import Clock
from swept import NOW, SharedNotes, World, by_name

from entitlements.errors import StripeError
from entitlements.feeds.sweep import SweepResult
from entitlements.stripe.errors import MalformedReply


@pytest.fixture(name="world")
def _world() -> World:
    """A sweep of an account where nothing has happened, after its first round."""
    world = World()
    world.round()
    world.done()
    world.list.asked.clear()
    return world


# --- one sweeper a host ----------------------------------------------------------------------------------------------


def test_one_process_of_a_host_sweeps():
    """The others hold no lease and ask for nothing; when it is killed, another takes over within three intervals."""
    clock = Clock()
    notes = SharedNotes(clock)
    one, other = World(notes, interval=15), World(notes, interval=15)
    for _ in range(3):
        assert one.round().stamped
        assert other.round() == SweepResult(skipped=True)
        clock.tick(15)
    assert other.list.asked == other.done() == []
    clock.tick(29)
    assert other.round().skipped
    clock.tick(1)
    assert other.round().stamped
    assert one.round().skipped


@pytest.mark.parametrize("pages", [1, 20])
def test_a_round_keeps_its_lease_however_long_it_takes(pages):
    """One process sweeps, though a page takes longer than three intervals, and all of them longer than any lease."""
    clock = Clock()
    notes = SharedNotes(clock)
    one, other = World(notes, interval=2), World(notes, interval=2)
    for number in range(100 * pages - 50):
        one.list.add(number, NOW)
    answer = one.list.page

    def slow(**asked):
        clock.tick(10)
        assert other.round() == SweepResult(skipped=True)
        return answer(**asked)

    one.list.page = slow
    assert (one.round().stamped, len(one.list.asked), other.list.asked) == (True, pages, [])
    clock.tick(5.9)
    assert other.round().skipped
    clock.tick(0.2)
    assert other.round().stamped  # killed between two rounds, it holds nobody up for longer than three intervals


def test_whoever_was_stopped_in_a_round_leaves_it_to_another():
    """A process that sleeps through its lease asks no more of Stripe, and raises and notes nothing."""
    clock = Clock()
    notes = SharedNotes(clock)
    one, other = World(notes, interval=2), World(notes, interval=2)
    for number in range(150):
        one.list.add(number, NOW)
    answer = one.list.page

    def stopped(**asked):
        clock.tick(31)
        assert other.round().stamped
        return answer(**asked)

    one.list.page = stopped
    assert (one.round(), len(one.list.asked), one.done()) == (SweepResult(skipped=True), 1, [])
    assert other.round().stamped


def test_a_forked_child_is_somebody_else():
    """The lease is its parent's, who may be sweeping this moment."""
    world = World(SharedNotes(Clock()))
    assert world.round().stamped
    world.sweep.reset()
    assert world.round().skipped


def test_accounts_are_swept_each_for_itself():
    """A position is one account's: another name keeps another."""
    clock = Clock()
    notes = SharedNotes(clock)
    one, other = World(notes, name="sweep/self/test"), World(notes, name="sweep/acct_1/test")
    one.list.add(1, NOW)
    assert (one.round().events, other.round().events) == (1, 0)
    assert (one.round().gap, other.round().gap) == (None, None)


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_number", [1, 2, 3])
def test_an_error_advances_nothing(world, request_number):
    """I4: a page that can't be read is the whole reading's failure; the next round begins where this one did."""
    for number in range(250):
        world.list.add(number, NOW)
    noted = world.read_note("sweep")
    world.list.failing = {request_number: StripeError("down", status=503)}
    with pytest.raises(StripeError):
        world.round()
    assert (world.done(), world.read_note("sweep")) == ([], noted)
    assert world.round().events == 250


@pytest.mark.parametrize("breaking", ["cus_1", "cus_2", "the note"])
def test_a_crash_only_repeats_raises(world, breaking):
    """Wherever it dies, the process that comes next raises everything that wasn't noted."""
    for number in (2, 1):
        world.list.add(number, NOW)
    world.breaking = breaking
    with pytest.raises(RuntimeError):
        world.round()
    assert "stamp" not in {entry[0] for entry in world.done()}
    world.breaking = None
    world.restarted()
    world.round()
    assert world.raised() == by_name(1, 2)


def test_without_a_note_there_is_no_stamp(world):
    """What could not be kept is not vouched for: the next round raises it again."""
    world.list.add(1, NOW)
    world.refusing = True
    assert world.round() == SweepResult(events=1, customers=1, stamped=False)
    assert world.done() == [("raise", "cus_1", False)]
    world.refusing = False
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)


def test_an_event_on_two_pages_is_an_error(world):
    """R62: a list that goes in circles is concluded nothing from."""
    for number in range(150):
        world.list.add(number, NOW)
    world.list.events.append(world.list.events[3])
    with pytest.raises(MalformedReply, match="'evt_3' on two of its pages"):
        world.round()
    assert world.done() == []


def test_a_page_too_large_to_be_read_is_read_in_smaller_ones(world):
    """A hundred large subscriptions may be more than an answer may hold, and would be again in every round."""
    for number in range(30):
        world.list.add(number, NOW)
    world.list.failing = {1: MalformedReply("longer than 8388608 bytes")}
    assert world.round().events == 30
    assert [asked["limit"] for asked in world.list.asked] == [100, 10, 100]


def test_a_page_that_hangs_costs_no_more_than_ten_seconds(world):
    """A round may take long where there is much to read; a connection on which nothing comes ends sooner."""
    world.round()
    assert 9 < world.list.deadlines[-1] <= 10
