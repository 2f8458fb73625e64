"""Questions of every kind, put to a simulated process: on the hot path, with reasons, with a token, for a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulated_stripe import PAID

from entitlements import token as freshness_token
from entitlements.decision import Decision, Reason
from entitlements.pinned import Pinned
from entitlements.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Generator
    from collections.abc import Set as AbstractSet

    from simulated_checks import Question
    from simulated_process import Process
    from simulated_stripe import Subject
    from simulated_world import World

    from entitlements.cache.wait import Wait

__all__ = ["Parked", "Questions"]

_MOST_PARKED = 6
_TOKENS_KEPT = 20


@dataclass(frozen=True, slots=True)
class _Noted(Requirement):
    """A requirement that notes which sets of features it was held against, and with what result."""

    looked: list[tuple[frozenset[str], bool]] = field(default_factory=list, compare=False)

    def met_by(self, held: AbstractSet[str]) -> bool:
        met = Requirement.met_by(self, held)
        self.looked.append((frozenset(held), met))
        return met


@dataclass(eq=False, slots=True)
class Parked:
    """A question that waits for a landing, or for its deadline."""

    question: Question
    need: _Noted | None
    flow: Generator[Wait, None, Decision | Pinned]
    until: float = 0.0
    landed: bool = False


class Questions:
    """Ask, park what has to wait, and have every answer checked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[Subject, list[tuple[str, float]]] = {}

    def ask(self, process: Process) -> None:
        """Ask any question."""
        subject, draw = process.subject(), self._world.random.random()
        if draw < 0.5 or len(process.parked) >= _MOST_PARKED:
            self._ask_hot(process, subject)
        elif draw < 0.7:
            self._ask_why(process, subject)
        elif draw < 0.8:
            self._ask_after(process, subject)
        elif draw < 0.85:
            self._ask_fresh(process, subject)
        else:
            self._ask_for_a_page(process, subject)

    def go_on(self, process: Process) -> bool:
        """Let a question go on that need wait no longer; say whether there was one."""
        now = self._world.time.monotonic()
        ready = [parked for parked in process.parked if parked.landed or parked.until <= now]
        if not ready:
            return False
        parked = self._world.random.choice(ready)
        process.parked.remove(parked)
        self._step(parked)
        return True

    def issued(self, subject: Subject, token: str, moment: float) -> None:
        """Remember a token that stands for a moment, to ask by it later."""
        tokens = self._tokens.setdefault(subject, [])
        tokens.append((token, moment))
        del tokens[:-_TOKENS_KEPT]

    # --- the kinds ---------------------------------------------------------------------------------------------------

    def _ask_hot(self, process: Process, subject: Subject) -> None:
        key = self._key(subject)
        question = self._world.checks.asked(process, subject, (key,))
        with process.acting():
            allowed = process.ents.has_feature(subject.customer, key)
            self._world.seen["hot answers"] += 1
            if allowed:
                self._world.checks.shown(question, [key])

    def _ask_why(self, process: Process, subject: Subject) -> None:
        self._decide(process, subject, None, None)

    def _ask_after(self, process: Process, subject: Subject) -> None:
        tokens = self._tokens.get(subject)
        if not tokens:
            return
        token, moment = self._world.random.choice(tokens)
        with process.acting():
            after = freshness_token.redeem(token, now=process.now())
            self._decide(process, subject, after, moment)

    def _ask_fresh(self, process: Process, subject: Subject) -> None:
        with process.acting():
            moment = self._world.time.at
            self._decide(process, subject, process.now(), moment)

    def _decide(self, process: Process, subject: Subject, after: float | None, moment: float | None) -> None:
        keys = tuple(self._key(subject) for _ in range(1 if self._world.random.random() < 0.8 else 2))
        need = _Noted(keys, any_of=self._world.random.random() < 0.5)
        question = self._world.checks.asked(process, subject, keys, moment)
        self._step(Parked(question, need, process.core.decide(subject.customer, need, after=after)))

    def _ask_for_a_page(self, process: Process, subject: Subject) -> None:
        question = self._world.checks.asked(process, subject, ())
        self._step(Parked(question, None, process.core.hold(subject.customer)))

    def _key(self, subject: Subject) -> str:
        """Pick a key to ask for: what is sold, or what only one reply ever said, preferably one that is superseded."""
        draw, replies = self._world.random.random(), subject.replies
        if draw < 0.6 or not replies:
            return PAID
        reply = replies[max(0, len(replies) - 1 - int((draw - 0.6) * 15))]
        return f"r{reply.number}"

    # --- answers -----------------------------------------------------------------------------------------------------

    def _step(self, parked: Parked) -> None:
        process = parked.question.process
        self._world.checks.goes_on(parked.question)
        with process.acting():
            try:
                wait = next(parked.flow)
            except StopIteration as done:
                self._answered(parked, done.value)
                return
            parked.until, parked.landed = wait.deadline.at, False

            def landed() -> None:
                parked.landed = True

            wait.landing.on_landing(landed)
            process.parked.append(parked)

    def _answered(self, parked: Parked, answer: Decision | Pinned) -> None:
        if isinstance(answer, Pinned):
            self._world.seen["pages that can't tell" if answer.unavailable else "pages"] += 1
            self._check_page(parked.question, answer)
            return
        self._world.seen[f"decisions {answer.source}"] += 1
        self.issued(parked.question.subject, answer.token, parked.question.began)
        if answer.reason is Reason.UNAVAILABLE:
            self._world.seen["zz " + answer.detail] += 1
            return
        assert parked.need is not None
        allowed = bool(answer)
        sets = [held for held, met in parked.need.looked if met is allowed]
        self._world.checks.rests_on(parked.question, sets, allowed=allowed)

    def _check_page(self, question: Question, page: Pinned) -> None:
        if not page.unavailable:
            self._world.checks.rests_on(question, [frozenset(page)], allowed=False)
        elif page:
            self._world.checks.shown(question, page)
