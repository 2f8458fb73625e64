"""A reading of Stripe's event list, back to some second or of its newest page alone: who is concerned, what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from entitlements.feeds.concern import ABOUT_ACCESS, UnreadableEventError, customer_of
from entitlements.stripe.errors import MalformedReply, ResourceMissing
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entitlements.clocks import Deadline
    from entitlements.stripe.objects import Event
    from entitlements.stripe.resources.events import EventPage

__all__ = ["Events", "Reading", "read_back", "read_newest"]

_LIMIT: Final = 100
_FEW: Final = 10
_PAGES: Final = 100
_RESTARTS: Final = 3
_PATIENCE: Final = 10.0  # seconds for one page, so that a connection that hangs costs a round no more than that


class Events(Protocol):
    """Where events are listed: the client's `stripe.events`, or what stands for it."""

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None,
        starting_after: str | None,
        limit: int,
        deadline: Deadline,
    ) -> EventPage: ...


class Reading:
    """What was read.

    Attributes:
        asked: the second from which on it was asked for; 0 when only the newest page was.
        events: every event read: ids, and the seconds they were created.
        news: how many of them nobody had seen.
        concerned: the customers whom those name, and the second of the newest that names them.
        gap: why it can't be known who is concerned; `None` when it is.
    """

    def __init__(self, asked: int, known: Collection[str] = (), gap: str | None = None) -> None:
        self.asked: Final = asked
        self._known = known
        self.events: dict[str, int] = {}
        self.news = 0
        self.concerned: dict[str, int] = {}
        self.gap = gap

    def take(self, page: EventPage) -> None:
        for event in page.events:
            if event.id in self.events:
                raise MalformedReply(
                    f"the event list holds {shown(event.id)} on two of its pages; nothing is concluded from it",
                    request_id=page.request_id,
                )
            self.events[event.id] = event.created
            if event.id not in self._known:
                self.news += 1
                self._note(event)

    def _note(self, event: Event) -> None:
        try:
            customer = customer_of(event.type, event.data.object)
        except UnreadableEventError as unreadable:
            self.gap = f"event {shown(event.id)} can't be read: {unreadable}"
            return
        if customer is not None:
            self.concerned[customer] = max(event.created, self.concerned.get(customer, 0))


def read_back(events: Events, since: int, known: Collection[str], deadline: Deadline) -> Reading:
    """Read every event created from a second on; `known` are those that somebody has seen.

    Raises:
        StripeError: a page could not be read. Nothing is lost by that: it is read another time.
    """
    reading = Reading(since, known)
    for _ in range(1 + _RESTARTS):
        reading = Reading(since, known)
        if _to_the_end(events, reading, deadline):
            return reading
    reading.gap = f"the event list changed under every one of {1 + _RESTARTS} readings"
    return reading


def read_newest(events: Events, gap: str, deadline: Deadline) -> Reading:
    """Read the newest page alone, to go on from there: what lies before it is lost, and `gap` says why."""
    reading = Reading(0, gap=gap)
    reading.take(_page(events, None, None, deadline))
    return reading


def _to_the_end(events: Events, reading: Reading, deadline: Deadline) -> bool:
    """Read on until nothing more follows; false if the place it had reached was taken away meanwhile."""
    cursor: str | None = None
    for _ in range(_PAGES):
        try:
            page = _page(events, reading.asked, cursor, deadline)
        except ResourceMissing as missing:
            if cursor is None or not missing.concerns("starting_after", cursor):
                raise
            return False
        reading.take(page)
        if not page.has_more:
            return True
        cursor = page.events[-1].id
    reading.gap = f"more than {_PAGES * _LIMIT} events"
    return True


def _page(events: Events, since: int | None, cursor: str | None, deadline: Deadline) -> EventPage:
    def ask(limit: int) -> EventPage:
        return events.page(
            types=ABOUT_ACCESS,
            created_from=since,
            starting_after=cursor,
            limit=limit,
            deadline=deadline.sooner(_PATIENCE),
        )

    try:
        return ask(_LIMIT)
    except MalformedReply:  # a hundred large subscriptions may be more than an answer may hold, and always will be
        return ask(_FEW)
