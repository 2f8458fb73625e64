"""What a sweep is given in a test: an event list that a test writes, and a journal of all that the sweep then does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controlled import Clock

from entitlements.clocks import Deadline
from entitlements.feeds.concern import ABOUT_ACCESS
from entitlements.feeds.notes import MemoryNotes
from entitlements.feeds.sweep import Sweep, SweepResult
from entitlements.freshness import Freshness
from entitlements.stripe.errors import ResourceMissing
from entitlements.stripe.objects import Event
from entitlements.stripe.resources.events import EventPage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.feeds.notes import Notes
    from entitlements.feeds.reading import Events

__all__ = ["DAY", "NOW", "EventList", "SharedNotes", "World", "by_name"]

DAY = 86_400
NOW = 1_800_000_000


def listed(number: int, created: int, kind: str = ABOUT_ACCESS[0], about: object = ...) -> Event:
    """Make an event about `cus_<number>`, or about what it is given."""
    named = {"id": f"cus_{number}", "customer": f"cus_{number}"} if about is ... else about
    body = {"id": f"evt_{number}", "object": "event", "created": created, "livemode": False, "type": kind}
    return Event.model_validate({**body, "data": {"object": named}})


@dataclass
class EventList:
    """Stripe's event list, as far as asking for a page of it goes; it forgets what is older than thirty days."""

    wall: Clock
    events: list[Event] = field(default_factory=list[Event])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    deadlines: list[float] = field(default_factory=list[float])
    taking: float = 0.0  # seconds that each answer takes
    gone: int = 0  # cursors that will be refused
    failing: dict[int, Exception] = field(default_factory=dict[int, Exception])  # by the number of the request

    def add(self, number: int, created: int, kind: str = ABOUT_ACCESS[0], about: object = ...) -> None:
        self.events.append(listed(number, created, kind, about))

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None,
        starting_after: str | None,
        limit: int,
        deadline: Deadline,
    ) -> EventPage:
        self.wall.tick(self.taking)
        self.deadlines.append(deadline.remaining())
        self.asked.append({"types": types, "created_from": created_from, "after": starting_after, "limit": limit})
        if failure := self.failing.pop(len(self.asked), None):
            raise failure
        if starting_after is not None and self.gone:
            self.gone -= 1
            raise ResourceMissing(f"No such event: '{starting_after}'", status=400, param="starting_after")
        since = max(created_from or 0, int(self.wall()) - 30 * DAY)
        newest = sorted(
            (event for event in self.events if event.type in types and event.created >= since),
            key=lambda event: event.created,
            reverse=True,
        )
        first = [event.id for event in newest].index(starting_after) + 1 if starting_after else 0
        return EventPage(tuple(newest[first : first + limit]), first + limit < len(newest), f"req_{len(self.asked)}")


class World:
    """A sweep with everything around it in a test's hand.

    The journal tells what was done, in order: `("raise", customer, settled)`, `("all",)`, `("note",)` and
    `("stamp", moment)`.
    """

    def __init__(
        self,
        notes: Notes | None = None,
        *,
        events: Events | None = None,
        wall: Callable[[], float] | None = None,
        interval: float = 15.0,
        **settings: Any,  # whatever a sweep takes
    ) -> None:
        self.wall = Clock(NOW)
        self.list = EventList(self.wall)
        self.now = Clock(5_000.0)
        self.notes = notes or MemoryNotes()
        self.journal: list[tuple[object, ...]] = []
        self.refusing = False  # notes are refused
        self.breaking: str | None = None  # where the process dies: at a customer's fence, or at "the note"
        self._events = events or self.list
        self._settings = {"freshness": Freshness(), "interval": interval, "wall": wall or self.wall, **settings}
        self.sweep = self.restarted()

    def restarted(self) -> Sweep:
        """Begin anew, as another process would: nothing is kept but the notes."""
        self.sweep = Sweep(self._events, self, self, now=self.now, **self._settings)
        return self.sweep

    def round(self) -> SweepResult:
        return self.sweep.round(Deadline.after(60))

    def done(self) -> list[tuple[object, ...]]:
        """Tell what was done since this was last asked."""
        done, self.journal = self.journal, []
        return done

    def raised(self) -> dict[str, bool]:
        """Tell whose fences were raised since this was last asked, and whether as settled; `*` means everybody's."""
        done = [entry for entry in self.done() if entry[0] in {"raise", "all"}]
        named = [str(entry[1]) if entry[0] == "raise" else "*" for entry in done]
        assert len(set(named)) == len(named), "a fence was raised twice"
        return {name: bool(entry[-1]) for name, entry in zip(named, done, strict=True)}

    # What a sweep raises

    def raise_customer(self, customer: str, *, settled: bool) -> None:
        self._perhaps_die(customer)
        self.journal.append(("raise", customer, settled))

    def raise_all(self) -> None:
        self.journal.append(("all",))

    def stamp(self, began: float) -> None:
        self.journal.append(("stamp", began))

    # What it notes

    def read_note(self, name: str) -> str | None:
        self.now.tick(1)  # so that a moment after the beginning is another moment
        return self.notes.read_note(name)

    def write_note(self, name: str, text: str) -> bool:
        self._perhaps_die("the note")
        if self.refusing:
            return False
        self.journal.append(("note",))
        return self.notes.write_note(name, text)

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        return self.notes.lease(name, holder, seconds)

    def _perhaps_die(self, where: str) -> None:
        if where == self.breaking:
            raise RuntimeError("killed")


class SharedNotes(MemoryNotes):
    """The notes of a host: one holder at a time, by a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        owner, until = self._held.get(name, (holder, 0.0))
        if owner != holder and self._clock() < until:
            return False
        self._held[name] = (holder, self._clock() + seconds)
        return True


def by_name(*numbers: int, settled: bool = False) -> dict[str, bool]:
    """Name the customers of these numbers, as `World.raised` does."""
    return {f"cus_{number}": settled for number in numbers}
