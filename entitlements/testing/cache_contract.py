"""What every cache owes, as tests: subclass one of these, say how a process is started over yours, and run pytest."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from entitlements import Entitlements, Freshness, Limits, Reason, Source, StripeError
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from entitlements.clocks import Deadline
    from entitlements.sources.contract import Source as Truth

__all__ = ["CacheContract", "HeldSource", "MovedClock", "SharedCacheContract", "Start"]

_PATIENCE: Final = 10.0  # seconds until a test gives up on a real thread
_LIMITS: Final = Limits(requests_per_second=1e6, deadline=0.5, brief_deadline=0.2)
_UNJITTERED: Final = Freshness(ttl=300, stale_while_revalidate=0, settle=0)
_WITHIN: Final = 200.0  # seconds of age: within the time to live, whatever its jitter
_BEYOND: Final = 400.0
_CUSTOMER: Final = "cus_contract"
_FEATURE: Final = "exports"


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at

    def tick(self, seconds: float) -> None:
        """Let time go by."""
        self.at += seconds


class HeldSource:
    """A source that reads the truth when it is asked, and answers when the test lets it: as a slow reply does."""

    def __init__(self) -> None:
        self.truth: dict[str, set[str]] = {}
        self.failing = False
        self.asked: list[str] = []
        self._entered = threading.Semaphore(0)
        self._gate = threading.Event()
        self._gate.set()

    def fetch(self, customer: str, deadline: Deadline) -> Holding:  # noqa: ARG002 - the contract's own words
        """Read now, answer when released."""
        self.asked.append(customer)
        held = frozenset(self.truth.get(customer, ()))
        known, failing = customer in self.truth, self.failing
        self._entered.release()
        self._gate.wait(_PATIENCE)
        if failing:
            raise StripeError("the source fails, as it was told to")
        return Holding(held, known=known)

    def hold(self) -> None:
        """Keep every answer back from here on."""
        self._gate.clear()

    def release(self) -> None:
        """Let the answers go."""
        self._gate.set()

    def wait_until_asked(self, times: int = 1) -> None:
        """Wait until it was asked so often."""
        for _ in range(times):
            assert self._entered.acquire(timeout=_PATIENCE), "the source was never asked"


class Start(Protocol):
    """Start a process over the cache: an instance that asks this source and judges ages by this clock."""

    def __call__(
        self, source: Truth, clock: Callable[[], float], freshness: Freshness, limits: Limits
    ) -> Entitlements: ...


class CacheContract:
    """The promises of a cache in one process. Subclass it, and give the fixture `start`.

    Example:
        class TestMine(CacheContract):
            @pytest.fixture
            def start(self):
                return lambda source, clock, freshness, limits: Entitlements(
                    source=source, clock=clock, freshness=freshness, limits=limits
                )
    """

    @pytest.fixture
    def start(self) -> Start:
        """Say how a process is started; a subclass must."""
        raise NotImplementedError("give a fixture `start`, as CacheContract shows")

    @pytest.fixture
    def source(self) -> Generator[HeldSource]:
        """Give the truth: one customer who holds one feature."""
        source = HeldSource()
        source.truth[_CUSTOMER] = {_FEATURE}
        yield source
        source.release()

    @pytest.fixture
    def clock(self) -> MovedClock:
        """Give the clock that ages are judged by."""
        return MovedClock()

    @pytest.fixture
    def launch(self, start: Start, source: HeldSource, clock: MovedClock) -> Generator[Callable[[], Entitlements]]:
        """Start processes that ask one source by one clock, and end them with the test."""
        started: list[Entitlements] = []

        def launch() -> Entitlements:
            started.append(start(source, clock, _UNJITTERED, _LIMITS))
            return started[-1]

        yield launch
        source.release()
        for ents in started:
            ents.close()

    @pytest.fixture
    def ents(self, launch: Callable[[], Entitlements]) -> Entitlements:
        """Start one process."""
        return launch()

    def test_one_fetch_answers_for_its_time_to_live(
        self, ents: Entitlements, source: HeldSource, clock: MovedClock
    ) -> None:
        """What was fetched answers without asking until its time is over, and then is fetched anew."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        clock.tick(_WITHIN)
        assert (ents.has_feature(_CUSTOMER, _FEATURE), source.asked) == (True, [_CUSTOMER])
        source.truth[_CUSTOMER] = set()
        clock.tick(_BEYOND)
        assert (ents.has_feature(_CUSTOMER, _FEATURE), source.asked) == (False, [_CUSTOMER] * 2)

    def test_nothing_fetched_before_a_change_answers_after_it(self, ents: Entitlements, source: HeldSource) -> None:
        """I1: once a change is acknowledged, the old answer is gone."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        source.truth[_CUSTOMER] = set()
        ents.invalidate(_CUSTOMER)
        assert not ents.has_feature(_CUSTOMER, _FEATURE)

    def test_a_fetch_that_a_change_overtook_is_not_kept(self, ents: Entitlements, source: HeldSource) -> None:
        """R01, R03: a slow answer from before the change, for a customer never seen, arrives after it."""
        source.hold()
        early = threading.Thread(target=ents.has_feature, args=(_CUSTOMER, _FEATURE))
        early.start()
        source.wait_until_asked()
        source.truth[_CUSTOMER] = set()
        ents.invalidate(_CUSTOMER)
        source.release()
        early.join(_PATIENCE)
        assert not ents.has_feature(_CUSTOMER, _FEATURE)

    def test_a_question_after_a_change_joins_no_fetch_from_before_it(
        self, ents: Entitlements, source: HeldSource
    ) -> None:
        """R02: while the old fetch still flies, a new question begins a fetch of its own."""
        source.hold()
        early = threading.Thread(target=ents.has_feature, args=(_CUSTOMER, _FEATURE))
        early.start()
        source.wait_until_asked()
        source.truth[_CUSTOMER] = set()
        ents.invalidate(_CUSTOMER)
        answers: list[bool] = []
        late = threading.Thread(target=lambda: answers.append(ents.has_feature(_CUSTOMER, _FEATURE)))
        late.start()
        source.wait_until_asked()
        source.release()
        early.join(_PATIENCE)
        late.join(_PATIENCE)
        assert answers == [False]

    def test_many_who_ask_at_once_cost_one_fetch(self, ents: Entitlements, source: HeldSource) -> None:
        """I8: they wait for the same answer, and all get it."""
        source.hold()
        answers: list[bool] = []
        crowd = [
            threading.Thread(target=lambda: answers.append(ents.has_feature(_CUSTOMER, _FEATURE))) for _ in range(16)
        ]
        for each in crowd:
            each.start()
        source.wait_until_asked()
        source.release()
        for each in crowd:
            each.join(_PATIENCE)
        assert (answers, source.asked) == ([True] * 16, [_CUSTOMER])

    def test_an_error_is_never_an_empty_set(self, ents: Entitlements, source: HeldSource) -> None:
        """I5: it can't be told, nothing of it is kept, and it passes."""
        source.failing = True
        assert ents.check(_CUSTOMER, _FEATURE).reason is Reason.UNAVAILABLE
        source.failing = False
        assert _eventually(lambda: ents.has_feature(_CUSTOMER, _FEATURE))

    def test_an_old_allow_stands_in_while_the_source_fails(
        self, ents: Entitlements, source: HeldSource, clock: MovedClock
    ) -> None:
        """Up to `stale_if_error` beyond the time to live, and visibly; never beyond, and never for a refusal."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        source.failing = True
        clock.tick(_BEYOND)
        allowed, refused = ents.check(_CUSTOMER, _FEATURE), ents.check(_CUSTOMER, "sso")
        assert (allowed.allowed, allowed.source, allowed.age) == (True, Source.STALE, _BEYOND)
        assert refused.reason is Reason.UNAVAILABLE
        clock.tick(_UNJITTERED.stale_if_error)
        assert ents.check(_CUSTOMER, _FEATURE).reason is Reason.UNAVAILABLE

    def test_what_is_known_to_be_superseded_never_stands_in(self, ents: Entitlements, source: HeldSource) -> None:
        """R22: a change is known and the source fails: it can't be told."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        source.failing = True
        ents.invalidate(_CUSTOMER)
        assert ents.check(_CUSTOMER, _FEATURE).reason is Reason.UNAVAILABLE

    def test_age_counts_from_the_beginning_of_the_fetch(
        self, ents: Entitlements, source: HeldSource, clock: MovedClock
    ) -> None:
        """I3: an answer that took long is as old as its question."""
        source.hold()
        asking = threading.Thread(target=ents.has_feature, args=(_CUSTOMER, _FEATURE))
        asking.start()
        source.wait_until_asked()
        clock.tick(_WITHIN)
        source.release()
        asking.join(_PATIENCE)
        assert _eventually(lambda: ents.check(_CUSTOMER, _FEATURE).age == _WITHIN)

    def test_a_clock_that_is_set_back_makes_nothing_younger(self, ents: Entitlements, clock: MovedClock) -> None:
        """R25: what was fetched in the future is as good as expired."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        clock.tick(-10.0)
        assert ents.check(_CUSTOMER, _FEATURE).age == 0.0

    def test_customers_never_mix(self, ents: Entitlements, source: HeldSource) -> None:
        """I7: each has their own answer, an unknown one too."""
        source.truth["cus_other"] = {"sso"}
        asked = [(who, what) for who in (_CUSTOMER, "cus_other", "cus_nobody") for what in (_FEATURE, "sso")]
        for _ in range(2):
            assert [ents.has_feature(*each) for each in asked] == [True, False, False, True, False, False]

    def test_who_is_unknown_is_asked_about_again_soon(
        self, ents: Entitlements, source: HeldSource, clock: MovedClock
    ) -> None:
        """`negative_ttl`: somebody who just signed up isn't turned away for five minutes."""
        assert not ents.has_feature("cus_new", _FEATURE)
        source.truth["cus_new"] = {_FEATURE}
        clock.tick(_UNJITTERED.negative_ttl)
        assert ents.has_feature("cus_new", _FEATURE)


class SharedCacheContract(CacheContract):
    """The promises of a cache that several processes share: `start` starts another process over the same one."""

    @pytest.fixture
    def other(self, launch: Callable[[], Entitlements]) -> Entitlements:
        """Start a second process."""
        return launch()

    def test_a_change_told_to_one_is_known_to_all(
        self, ents: Entitlements, other: Entitlements, source: HeldSource
    ) -> None:
        """R38: whoever hears of it, nobody answers from before it."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        assert other.has_feature(_CUSTOMER, _FEATURE)
        source.truth[_CUSTOMER] = set()
        other.invalidate(_CUSTOMER)
        assert (ents.has_feature(_CUSTOMER, _FEATURE), other.has_feature(_CUSTOMER, _FEATURE)) == (False, False)

    def test_a_slow_fetch_of_one_is_not_taken_by_another(
        self, ents: Entitlements, other: Entitlements, source: HeldSource
    ) -> None:
        """R04: one fetches, the other hears of a change, and only then the first one's answer arrives."""
        source.hold()
        early = threading.Thread(target=ents.has_feature, args=(_CUSTOMER, _FEATURE))
        early.start()
        source.wait_until_asked()
        source.truth[_CUSTOMER] = set()
        other.invalidate(_CUSTOMER)
        source.release()
        early.join(_PATIENCE)
        assert not other.has_feature(_CUSTOMER, _FEATURE)

    def test_what_one_fetched_the_others_take_at_its_age(
        self, ents: Entitlements, launch: Callable[[], Entitlements], source: HeldSource, clock: MovedClock
    ) -> None:
        """R24: one fetch serves all, and grows no younger on its way, through a restart too."""
        assert ents.has_feature(_CUSTOMER, _FEATURE)
        ents.close()
        source.failing = True
        clock.tick(_WITHIN)
        assert _eventually(lambda: launch().check(_CUSTOMER, _FEATURE).age == _WITHIN)
        clock.tick(_BEYOND)
        assert launch().check(_CUSTOMER, _FEATURE).age == _WITHIN + _BEYOND


def _eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something is so: what was fetched is kept behind the answer, and failures are remembered a while."""
    pause = threading.Event()
    for _ in range(int(_PATIENCE / 0.05)):
        if condition():
            return True
        pause.wait(0.05)
    return False
