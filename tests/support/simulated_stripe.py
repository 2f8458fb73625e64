"""Simulated Stripe: the truth with its history, and all that is told of it: replies, events, a list of events.

A reply says what was true at some moment between the beginning of its fetch and its arrival, or a little earlier while
the lists lag behind. Every reply carries a key of its own, so that an answer tells which fetch it rests on.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from simulated_time import EPOCH

from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from random import Random

    from simulated_climate import Climate
    from simulated_time import Time

    from entitlements.stripe.objects import Event as ListedEvent

__all__ = ["PAID", "SECRET", "Event", "Reply", "Stripe", "Subject"]

PAID: Final = "paid"
SECRET: Final = "whsec_simulated"


@dataclass(slots=True)
class Reply:
    """One answer to one fetch.

    Attributes:
        number: which one it is.
        subject: whose.
        asked: the moment its fetch began.
        features: what it said; its own key is in it, unless it said nothing at all.
        known: whether Stripe knew the customer.
        brief: a change was known so shortly before that it had to be given a short life.
    """

    number: int
    subject: Subject
    asked: float
    features: frozenset[str]
    known: bool
    brief: bool


@dataclass(slots=True)
class Event:
    """A change, as Stripe tells of it.

    Attributes:
        id: `evt_...`.
        subject: whose change.
        at: the moment of the change.
        listed: the moment from which the event list has it; never, if that is infinite.
        tries: how often it may still be sent.
        as_listed: how the event list shows it, once it has.
    """

    id: str
    subject: Subject
    at: float
    listed: float
    tries: int
    as_listed: ListedEvent | None = None

    def body(self) -> dict[str, object]:
        """Say what Stripe says of it."""
        about = {"object": "entitlements.active_entitlement_summary", "customer": self.subject.customer}
        return {
            "id": self.id,
            "object": "event",
            "type": "entitlements.active_entitlement_summary.updated",
            "livemode": False,
            "created": int(EPOCH + self.at),
            "data": {"object": about},
            **({} if self.subject.account is None else {"account": self.subject.account}),
        }


@dataclass(eq=False, slots=True)
class Subject:
    """One customer in one account: the truth about them, as it was at every moment.

    Attributes:
        customer: `cus_...`.
        account: `acct_...`, or `None` for the key's own.
        scope: how the library calls account and mode.
        slot: where in the fence table they are.
    """

    customer: str
    account: str | None
    scope: str
    slot: int
    since: list[float] = field(default_factory=lambda: [-1.0])
    holds: list[bool] = field(default_factory=lambda: [False])
    replies: list[Reply] = field(default_factory=list)

    def version(self, moment: float) -> int:
        """Find which version was true at a moment."""
        return bisect_right(self.since, moment) - 1


class Stripe:
    """What is true, and what is told of it.

    Attributes:
        fails_until: until when every fetch fails.
        waiting: events still to be sent.
        events: all there ever were.
    """

    def __init__(self, random: Random, time: Time, climate: Climate, subjects: list[Subject]) -> None:
        self._random = random
        self._time = time
        self._climate = climate
        self.subjects: Final = subjects
        self.fails_until = -1.0
        self.waiting: list[Event] = []
        self.events: list[Event] = []
        self.replies: Final[dict[frozenset[str], Reply]] = {}
        self._numbers = 0

    def change(self, subject: Subject) -> Event:
        """Change what a customer holds, and have an event sent about it, or lost."""
        draw, climate, at = self._random.random, self._climate, self._time.at
        subject.since.append(at)
        subject.holds.append(draw() < climate.paying)
        listed = at + draw() * climate.listing_lag if draw() >= climate.unlisted else float("inf")
        tries = 0 if draw() < climate.lost else 1 if draw() >= climate.duplicated else 3
        event = Event(f"evt_{len(self.events) + 1}", subject, at, listed, tries)
        self.events.append(event)
        if tries:
            self.waiting.append(event)
        return event

    def reply(self, subject: Subject, asked: float, *, brief: bool) -> Reply:
        """Answer a fetch that began at some moment."""
        draw, climate = self._random.random, self._climate
        told = asked + draw() * (self._time.at - asked)
        if draw() < climate.lagging:
            told -= draw() * climate.lag
        version = subject.version(told)
        self._numbers += 1
        number = self._numbers
        features = {f"r{number}", f"v{version}"}
        if subject.holds[version]:
            features.add(PAID)
        elif draw() < climate.bare:
            features.clear()
        known = version > 0 or draw() >= climate.strangers
        reply = Reply(number, subject, asked, frozenset(features), known, brief)
        self.replies[reply.features] = reply
        subject.replies.append(reply)
        return reply

    @staticmethod
    def holding(reply: Reply) -> Holding:
        return Holding(reply.features, known=reply.known, request_id=f"req_{reply.number}")
