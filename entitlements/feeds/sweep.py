"""The sweep: reads Stripe's event list, so that a change whose webhook never comes is noticed all the same.

A round raises the fence of every customer whom an event names that nobody has seen, then advances the position, then
stamps "in touch" with the moment before it began: in that order, so that a crash anywhere repeats a raise, which costs
a fetch, and skips none. Where it can't be known what was missed, every fence is raised.

Nothing here waits, and nothing runs by itself: `Sweeper` runs rounds on a thread, a simulator runs them as it likes.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from entitlements.clocks import real_now
from entitlements.feeds.position import KEPT, OVERLAP, Position, advance
from entitlements.feeds.reading import read_back, read_newest
from entitlements.forks import reset_in_child
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.clocks import Deadline
    from entitlements.feeds.notes import Notes
    from entitlements.feeds.reading import Events, Reading
    from entitlements.freshness import Freshness
    from entitlements.stripe.resources.events import EventPage

__all__ = ["Fence", "Sweep", "SweepResult"]

_LEASES: Final = 3  # intervals that a lease lasts: who is killed or stopped loses it by time
_AT_WORK: Final = 30.0  # seconds that it lasts within a round, if that is more: longer than a page may take
_HANDLED: Final = 10_000  # webhooks remembered, so that one change doesn't cost two fetches
_LONGEST_ID: Final = 255
_log = logging.getLogger("entitlements")


class Fence(Protocol):
    """What a round raises."""

    def raise_customer(self, customer: str, *, settled: bool) -> object:
        """Void what was fetched for a customer; unless `settled`, Stripe's own list may still lag behind the change."""
        ...

    def raise_all(self) -> object:
        """Void whatever was fetched; no change is known by it, and no settle window opens."""
        ...

    def stamp(self, began: float) -> object:
        """Note that every change known to Stripe by a moment is known here; a later stamp is never taken back."""
        ...


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a round did.

    Attributes:
        events: how many events it read that nobody had seen.
        customers: how many customers' fences it raised by name, each once.
        gap: why it raised every fence; `None` if it didn't have to.
        stamped: it is known that nothing was missed; false when the position could not be kept.
        skipped: another process sweeps, so nothing was asked.
    """

    events: int = 0
    customers: int = 0
    gap: str | None = None
    stamped: bool = False
    skipped: bool = False


class _LeaseLostError(Exception):
    """Another process has taken over in the midst of a round: this one was stopped for too long."""


class _Leased:
    """An event list of many pages, asked for each further one only while the lease can be renewed."""

    def __init__(self, events: Events, renew: Callable[[], bool]) -> None:
        self._events = events
        self._renew = renew
        self._begun = False

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None,
        starting_after: str | None,
        limit: int,
        deadline: Deadline,
    ) -> EventPage:
        if self._begun and not self._renew():
            raise _LeaseLostError
        self._begun = True
        return self._events.page(
            types=types, created_from=created_from, starting_after=starting_after, limit=limit, deadline=deadline
        )


class Sweep:
    """Follow the event list of one account, a round at a time.

    Args:
        events: where events are listed, within the rate budget.
        notes: where the position and the lease are kept.
        fence: what is raised.
        interval: seconds between rounds; a lease lasts three of them, and longer while a round is at work.
        freshness: says when Stripe's lists have settled, and beyond which age nothing is served.
        wall: wall time, for what Stripe dates.
        now: the clock that stamps are judged by.
        fetched_since: the moment, by `now`, before which nothing that may be served was fetched; `None` where what
            earlier processes fetched outlives them. The first round asks back no further.
        name: what position and lease are called among the notes: one for each account and mode.
    """

    def __init__(  # noqa: PLR0913 - what it takes from the world outside
        self,
        events: Events,
        notes: Notes,
        fence: Fence,
        *,
        interval: float,
        freshness: Freshness,
        wall: Callable[[], float],
        now: Callable[[], float] = real_now,
        fetched_since: float | None = None,
        name: str = "sweep",
    ) -> None:
        self._events = events
        self._notes = notes
        self._fence = fence
        self._lease = _LEASES * interval
        self._freshness = freshness
        self._wall = wall
        self._now = now
        self._fetched_since = fetched_since
        self._name = name
        self._seldom = Seldom(_log)
        self._handled: deque[str] = deque(maxlen=_HANDLED)
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Be somebody else, as a forked child must: its parent's lease is not its own."""
        self._holder = os.urandom(8).hex()
        self._lock = threading.Lock()

    def handled(self, event_id: str) -> None:
        """Tell of an event for which a webhook has raised the fence here: no round has to raise it again."""
        if len(event_id) <= _LONGEST_ID:
            with self._lock:
                self._handled.append(event_id)

    def round(self, deadline: Deadline) -> SweepResult:
        """Notice what happened since the last round.

        Raises:
            StripeError: the event list could not be read; nothing was raised and the position stays.
            EntitlementsUnavailable: as the fence raises it; the position stays, and the next round raises again.
        """
        began, asked_at = self._now(), self._wall()
        if not self._at_work():
            return SweepResult(skipped=True)
        try:
            return self._followed(began, asked_at, deadline)
        except _LeaseLostError:
            return SweepResult(skipped=True)
        finally:
            self._notes.lease(self._name, self._holder, self._lease)

    def _followed(self, began: float, asked_at: float, deadline: Deadline) -> SweepResult:
        before = Position.read(self._notes.read_note(self._name), now=asked_at)
        reading = self._read(before, asked_at, deadline)
        read_at = self._wall()
        raised = self._raise(reading, read_at)
        after = advance(before, reading.asked, reading.events, began=asked_at, now=read_at)
        kept = after == before or self._notes.write_note(self._name, after.text())
        if kept:
            self._fence.stamp(began)
        return SweepResult(reading.news, raised, reading.gap, stamped=kept)

    def _at_work(self) -> bool:
        """Take or renew the lease for as long as the next page may take."""
        return self._notes.lease(self._name, self._holder, max(self._lease, _AT_WORK))

    def _read(self, before: Position | None, now: float, deadline: Deadline) -> Reading:
        events = _Leased(self._events, self._at_work)
        since = self._first(now) if before is None else before.since
        if since < now - KEPT:
            return read_newest(events, "events of so long ago aren't kept by Stripe", deadline)
        reading = read_back(events, since, self._known(before), deadline)
        # No news is no gap; but the last event seen is in what was asked for, and Stripe still keeps it.
        if before is not None and before.last is not None and before.last not in reading.events:
            reading.gap = reading.gap or "the last event seen is no longer listed"
        return reading

    def _first(self, now: float) -> int:
        """Say from when to read where nobody has read before: whatever is served was fetched since."""
        back = self._freshness.max_stale
        if self._fetched_since is not None:
            lived = self._now() - self._fetched_since
            back = min(back, lived) if lived >= 0 else back  # a clock that was set back tells nothing
        return max(0, int(now - back) - OVERLAP)

    def _known(self, before: Position | None) -> set[str]:
        with self._lock:
            handled = set(self._handled)
        return handled if before is None else handled.union(before.seen)

    def _raise(self, reading: Reading, now: float) -> int:
        """Raise the fences; return how many by name."""
        if reading.gap is not None:
            self._seldom.warning("the sweep raises every fence: %s", reading.gap)
            self._fence.raise_all()
        settled = now - self._freshness.settle - 1  # Stripe dates an event by the beginning of its second
        raised = {customer: created < settled for customer, created in reading.concerned.items()}
        if reading.gap is not None:
            raised = {customer: False for customer, is_settled in raised.items() if not is_settled}
        for customer, is_settled in raised.items():
            self._fence.raise_customer(customer, settled=is_settled)
        return len(raised)
