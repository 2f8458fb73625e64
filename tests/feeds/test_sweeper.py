"""The thread that sweeps: it comes back from whatever befalls a round, and keeps nobody from leaving."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
from controlled import wait_for
from freezegun import freeze_time

from entitlements.feeds.sweeper import Sweeper

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

AN_HOUR = 3_600.0


class Rounds:
    """Count rounds, and fail in those that are told to."""

    def __init__(self, failing: int = 0) -> None:
        self.made = 0
        self.failing = failing
        self.deadlines: list[float] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, deadline: Deadline) -> None:
        self.deadlines.append(deadline.remaining())
        self.threads.add(threading.current_thread())
        self.made += 1
        if self.made <= self.failing:
            raise ConnectionError(f"failure {self.made}")


@pytest.fixture(name="sweeper")
def _sweeper():
    """Make sweepers, and close them."""
    made = []

    def make(run, interval=AN_HOUR, **settings) -> Sweeper:
        made.append(Sweeper(run, interval=interval, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_first_round_is_made_at_once_and_others_follow(sweeper):
    """A round every interval, each with a deadline of its own, all on one thread however often it is started."""
    rounds = Rounds()
    swept = sweeper(rounds, interval=0.01)
    for _ in range(3):
        swept.start()
    wait_for(lambda: rounds.made >= 5)
    assert all(60 < left <= 120 for left in rounds.deadlines)
    (thread,) = rounds.threads
    assert thread.daemon


def test_nothing_runs_before_it_is_started(sweeper):
    """An instance that nobody asks anything has no thread."""
    before = threading.active_count()
    sweeper(Rounds())
    assert threading.active_count() == before


def test_woken_it_makes_a_round_now(sweeper):
    """Whoever can't wait for the interval, a test above all, rings."""
    rounds = Rounds()
    swept = sweeper(rounds)
    swept.start()
    for made in (1, 2, 3):
        wait_for(lambda: rounds.made == made)  # noqa: B023 - it is waited for right here
        swept.wake()


def test_a_round_that_fails_is_told_and_the_next_one_comes(sweeper, caplog):
    """Whatever a round raises, the thread lives on, and an outage doesn't flood the log."""
    rounds = Rounds(failing=5)
    swept = sweeper(rounds, interval=0.001)
    with caplog.at_level(logging.WARNING, "entitlements"):
        swept.start()
        wait_for(lambda: rounds.made > 6)
    assert [record.getMessage() for record in caplog.records] == [
        "a sweep failed and will be tried again: ConnectionError: failure 1"
    ]


def test_after_failures_it_waits_longer_up_to_a_minute(sweeper):
    """A second, then twice as long each time; the first success ends it."""
    rounds = Rounds(failing=9)
    swept = sweeper(rounds, interval=15, draw=lambda: 0.0)
    assert [swept.turn() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 15]
    rounds.failing = 11
    assert [swept.turn() for _ in range(2)] == [1, 15]


def test_an_interval_is_a_little_shorter_at_random(sweeper):
    """The processes of a host don't ask in step."""
    assert sweeper(Rounds(), interval=10, draw=lambda: 1.0).turn() == pytest.approx(9)


def test_closed_it_ends_and_is_not_started_again(sweeper, caplog):
    """The thread ends after its round, and a round that the closing itself broke is no trouble to tell of."""
    entered, released = threading.Event(), threading.Event()

    def run(deadline: Deadline) -> None:
        entered.set()
        assert released.wait(10)
        raise ConnectionError("this client is closed")

    swept = sweeper(run)
    swept.start()
    assert entered.wait(10)
    (thread,) = (each for each in threading.enumerate() if each.name == "entitlements-sweep" and each is swept._thread)
    swept.close()
    released.set()
    thread.join(10)
    assert not thread.is_alive()
    swept.start()
    swept.wake()
    assert swept._thread is thread
    assert caplog.records == []


def test_closed_before_it_was_started_it_never_starts(sweeper):
    """Whoever closes an instance that nobody asked anything has no thread of it."""
    swept = sweeper(Rounds())
    swept.close()
    swept.start()
    assert swept._thread is None


def test_an_owner_that_nobody_needs_goes_and_the_thread_with_it():
    """The thread holds no instance alive: dropped while it idles, all of it ends at once."""

    class Owner:
        def __init__(self) -> None:
            self.made = threading.Event()
            self.sweeper = Sweeper(self.sweep, interval=AN_HOUR)

        def sweep(self, deadline: Deadline) -> None:
            self.made.set()

    owner = Owner()
    owner.sweeper.start()
    assert owner.made.wait(10)
    thread, gone = owner.sweeper._thread, weakref.ref(owner)
    assert thread is not None
    del owner
    wait_for(lambda: gc.collect() is not None and gone() is None)
    thread.join(10)
    assert not thread.is_alive()


def test_where_no_thread_can_start_the_next_call_tries_again(sweeper, monkeypatch, caplog):
    """R98: whoever asks a question isn't told of it; the log is."""
    rounds = Rounds()
    swept = sweeper(rounds)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        swept.start()
    assert "no thread for the sweep: can't start new thread" in caplog.text
    swept.start()
    wait_for(lambda: rounds.made == 1)


def test_a_test_that_freezes_time_does_not_freeze_the_sweep(sweeper):
    """It waits by real time."""
    rounds = Rounds()
    with freeze_time("2026-01-01"):
        sweeper(rounds, interval=0.01).start()
        wait_for(lambda: rounds.made >= 3)
