"""What must hold of every answer, whatever happened: I1, I2, I3, I5, I6, I7 and `after=`, by absolute time.

A check knows nothing of tokens, ages or clocks as the library sees them. It knows when each fetch began, when each
change was acknowledged, and which fetch an answer rests on, by the key that every reply carries.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entitlements.freshness import FeatureClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulated_process import Process
    from simulated_stripe import Reply, Subject
    from simulated_world import World

__all__ = ["Checks", "Question", "Violation"]

_NEVER = (-1.0, -1.0, -1)
_OVERLAP = 60.0
_REMEMBERED = 17.0  # seconds for which a failure may hold fetches back: 15, and what goes by on the way


class Violation(AssertionError):
    """An answer broke a promise."""


@dataclass(eq=False, slots=True)
class Question:
    """One question, and what had to be true of its answer when it was asked.

    Attributes:
        began: when it was asked.
        floor: when the call began that made the newest change known: no older fetch will do (I1, I3).
        swept: the newest change that a sweep had noticed (I2).
        after: the moment after which the fetch must have begun, if one was given.
        features: the keys asked for.
    """

    process: Process
    subject: Subject
    began: float
    floor: float
    swept: float
    after: float | None
    features: tuple[str, ...]


class Checks:
    """Hold every answer against what happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._floors: dict[int, float] = {}
        self._swept: dict[tuple[Process | None, Subject], float] = {}
        self._timed: dict[int, tuple[float, float, int]] = {}
        self._untimed: dict[int, float] = {}
        self._untimed_all = -1.0

    # --- what became known -------------------------------------------------------------------------------------------

    @contextmanager
    def raising(self, subjects: Iterable[Subject]) -> Iterator[None]:
        """Note that changes became known, once the call that says so has returned."""
        called = self._world.time.at
        yield
        for subject in subjects:
            slot = subject.slot
            self._floors[slot] = max(called, self._floors.get(slot, -1.0))
            self._timed[slot] = (called, self._world.time.at, self._world.time.jumps)

    def swept(self, process: Process) -> None:
        """Note that a round of the sweep says that it has missed nothing that was listed when it began.

        A first round reads no further back than anything may be served; a machine's sleep counts there, although a
        process that slept with it doesn't see that.
        """
        world = self._world
        world.seen["sweeps"] += 1
        if world.time.farthest > _OVERLAP:
            return  # which events to ask for is told by the wall's clock
        for event in world.stripe.events:
            listed = event.subject.account == process.account and event.listed <= process.round_began
            if listed and process.round_began - event.at <= world.climate.freshness.max_stale:
                reach = self._reach(process, event.subject)
                self._swept[reach] = max(event.at, self._swept.get(reach, -1.0))

    def forgot_times(self, slot: int | None = None) -> None:
        """Note that a fence's token may say no more when a change became known; every fence's, without a slot."""
        if slot is None:
            self._untimed_all = self._world.time.at
        else:
            self._untimed[slot] = self._world.time.at

    def must_be_brief(self, subject: Subject, began: float) -> bool:
        """Say whether a fetch began so shortly after a known change that the reply has to be given a short life."""
        called, returned, jumps = self._timed.get(subject.slot, _NEVER)
        forgotten = max(self._untimed_all, self._untimed.get(subject.slot, -1.0))
        settle = self._world.climate.freshness.settle
        # A token's time has whole seconds, so the window may be a second shorter than it says.
        settling = returned < began and began - called < settle - 1
        return settling and forgotten < called and jumps == self._world.time.jumps

    # --- questions ---------------------------------------------------------------------------------------------------

    def asked(
        self, process: Process, subject: Subject, features: tuple[str, ...], after: float | None = None
    ) -> Question:
        """Note what must be true of the answer to a question that is asked now."""
        question = Question(process, subject, self._world.time.at, -1.0, -1.0, after, features)
        self.goes_on(question)
        return question

    def goes_on(self, question: Question) -> None:
        """Note what must be true of the answer to a question that goes on now: what is known by now, if waited for.

        Whatever it looks at from here on, it must not take what is known to be superseded (I3).
        """
        question.floor = self._floors.get(question.subject.slot, -1.0)
        question.swept = self._swept.get(self._reach(question.process, question.subject), -1.0)

    def _reach(self, process: Process, subject: Subject) -> tuple[Process | None, Subject]:
        """Say for whom a sweep speaks: for all of a host that shares its notes, else for its own process."""
        return None if self._world.climate.shared else process, subject

    def shown(self, question: Question, keys: Iterable[str]) -> None:
        """Check that a customer holds what an answer says they hold."""
        held = set(keys)
        replies = [reply for reply in reversed(question.subject.replies) if held <= reply.features]
        self._one_of(question, replies, held, allowed=True)

    def rests_on(self, question: Question, sets: Iterable[frozenset[str]], *, allowed: bool) -> None:
        """Check an answer that rests on one of some sets of features."""
        given = set(sets)
        replies = [reply for reply in reversed(question.subject.replies) if reply.features in given]
        self._one_of(question, replies, given, allowed=allowed)

    def _one_of(self, question: Question, replies: list[Reply], what: object, *, allowed: bool) -> None:
        faults: list[str] = []
        for reply in replies:
            fault = self._fault(question, reply, allowed=allowed)
            if fault is None:
                return
            faults.append(f"{fault} (reply {reply.number}, asked at {reply.asked:.6f})")
        raise Violation(
            f"process {question.process.number} asked about {question.subject.customer} at {question.began:.6f} and "
            f"was answered {'yes' if allowed else 'no'} from {what}: "
            f"{faults[0] if faults else 'I5, I7: no fetch for this customer ever said so'}"
        )

    def _fault(self, question: Question, reply: Reply, *, allowed: bool) -> str | None:
        """Say what is wrong with resting on a reply; `None` if nothing is."""
        if reply.asked < question.floor:
            return f"I1: a change was acknowledged whose call began at {question.floor:.6f}"
        if question.after is not None and reply.asked <= question.after:
            return f"after=: it had to begin after {question.after:.6f}"
        age, most = question.began - reply.asked, self._world.climate.freshness.max_stale
        if reply.asked < question.swept:
            return f"I2: a sweep had noticed a change of {question.swept:.6f}"
        # A process doesn't see its machine sleep. One that was started since must.
        age -= self._world.time.slept_since(question.process.born)
        if age > most:
            return f"I3: {age:.3f} s old, beyond max_stale"
        # Whoever finds a fetch under way joins it, however short a life its reply was to have.
        most = max(self._most(question, reply, allowed=allowed), self._world.climate.limits.deadline)
        if age > most:
            return f"I2: {age:.3f} s old, {most:g} s at most for such an answer"
        return None

    def _most(self, question: Question, reply: Reply, *, allowed: bool) -> float:
        """Say how old an answer may be that rests on a reply."""
        climate, freshness = self._world.climate, self._world.climate.freshness
        ttl = freshness.max_stale if climate.limits.requests_per_second < 100 else freshness.ttl
        if reply.brief:
            ttl = min(freshness.settle_ttl, freshness.ttl / 2)
        if not reply.known:
            ttl = min(ttl, freshness.negative_ttl)
        classes = {climate.classes.get(key, FeatureClass.STANDARD) for key in question.features}
        if not allowed or FeatureClass.STRICT in classes:
            return ttl
        brief = ttl < freshness.ttl * 0.9
        if not self._excused(question):
            return ttl if brief else ttl + freshness.stale_while_revalidate
        error = freshness.stale_if_error if FeatureClass.STANDARD in classes else 86_400.0
        return ttl + max(error, 0.0 if brief else freshness.stale_while_revalidate)

    def _excused(self, question: Question) -> bool:
        """Say whether Stripe was failing, or silent for so long that an old answer had to do."""
        process, now = question.process, self._world.time.at
        if process.failing or self._world.climate.limits.requests_per_second < 100:
            return True
        waited = now - question.began >= self._world.climate.limits.brief_deadline
        return waited or question.began - process.trouble < _REMEMBERED
