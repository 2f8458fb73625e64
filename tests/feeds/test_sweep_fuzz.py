"""The sweep under everything at once: a stamp is true, whatever was late, failed, died or was lost before it."""

from __future__ import annotations

import random

import pytest
from controlled import Clock
from swept import DAY, SharedNotes, World

from entitlements.errors import StripeError
from entitlements.feeds.notes import MemoryNotes
from entitlements.stripe.errors import MalformedReply


class Host:
    """Two processes that share notes and a fence, and one event list; the host knows what must have been raised."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.notes = SharedNotes(Clock())
        self.worlds = [World(self.notes), World(self.notes)]
        one, other = self.worlds
        other.wall, other.list, other.now = one.wall, one.list, one.now
        other._events, other._settings["wall"] = one.list, one.wall
        other.journal = one.journal
        other.restarted()
        self.events = one.list.events
        self.appeared: dict[
            str, tuple[int, int]
        ] = {}  # by customer: the journal's length then, and when it was created
        self.lost = True  # there is no position
        self.stamps = 0

    def step(self) -> None:
        choice = self.random.choices(
            [self.happen, self.sweep, self.wait, self.lose, self.restart, self.stall], weights=[10, 8, 6, 1, 1, 1]
        )[0]
        choice()

    def happen(self) -> None:
        """Let events appear, up to a minute late, one of them now and then in a far future or hard to read."""
        world = self.worlds[0]
        for _ in range(self.random.choice([1, 1, 1, 1, 2, 3, 130])):
            number, late = len(self.events), self.random.choice([0, 0, 1, 30, 59])
            ahead = 300 * DAY if self.random.random() < 0.005 else 0
            created = int(world.wall()) - late + ahead
            world.list.add(number, created, about={} if self.random.random() < 0.0005 else ...)
            self.appeared[f"cus_{number}"] = (len(world.journal), created)

    def wait(self) -> None:
        seconds = self.random.choice([1, 5, 15, 15, 15, 61, 61, 3_600, DAY, 20 * DAY])
        self.worlds[0].wall.tick(seconds)
        self.notes._clock.tick(seconds)

    def lose(self) -> None:
        MemoryNotes.write_note(self.notes, "sweep", self.random.choice(["", "{}", "[1]"]))
        self.lost = True

    def restart(self) -> None:
        self.random.choice(self.worlds).restarted()

    def stall(self) -> None:
        """Hold one process up in the midst of its round until the other, who took over, has made one of its own."""
        one, other = self.random.sample(self.worlds, 2)
        listed = one.list.page

        def page(**asked: object) -> object:
            answer = listed(**asked)
            if asked["starting_after"] is None and one.list.page is page:
                del one.list.page
                self.notes._clock.tick(46)
                one.wall.tick(46)
                self.run(other)
            return answer

        one.list.page = page
        try:
            self.run(one)
        finally:
            one.list.__dict__.pop("page", None)

    def sweep(self) -> None:
        world = self.random.choice(self.worlds)
        trouble = self.random.random()
        if trouble < 0.1:
            failure = self.random.choice([StripeError("down"), MalformedReply("cut")])
            world.list.failing = {len(world.list.asked) + self.random.choice([1, 2]): failure}
        elif trouble < 0.2:
            world.list.gone = self.random.choice([1, 5])
        elif trouble < 0.3 and self.events:
            world.breaking = self.random.choice(["the note", f"cus_{len(self.events) - 1}"])
        world.refusing = 0.3 < trouble < 0.35
        self.run(world)
        world.breaking, world.list.gone, world.list.failing = None, 0, {}

    def run(self, world: World) -> None:
        """Make a round; if it is stamped, everything that had appeared before it was raised after it appeared."""
        # Without a position, what nobody is served any more need not be made up for.
        oldest = world.wall() - DAY if self.lost else 0
        due = {customer: place for customer, (place, created) in self.appeared.items() if created >= oldest}
        before = set(self.appeared)
        try:
            result = world.round()
        except (StripeError, RuntimeError):
            return
        if not result.stamped:
            return
        self.stamps += 1
        raised = [(place, entry) for place, entry in enumerate(world.journal) if entry[0] in {"raise", "all"}]
        last = {"*" if entry[0] == "all" else str(entry[1]): place for place, entry in raised}
        everybody = last.get("*", -1)
        for customer, appeared in due.items():
            assert max(last.get(customer, -1), everybody) >= appeared, f"{customer} was passed over"
        for customer in before:
            self.appeared.pop(customer, None)
        self.lost = False


@pytest.mark.parametrize("seed", range(50))
def test_whoever_is_in_touch_has_missed_nothing(seed):
    """Rules 16 and 17: by the time a round is stamped, whatever had appeared in the list before it was raised."""
    host = Host(seed)
    for _ in range(120):
        host.step()
    assert host.stamps > 5
