"""What every source of truth owes, as tests: subclass this, give it a world of yours, and run pytest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import pytest

from entitlements.clocks import Deadline, real_now
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.sources.contract import Source

__all__ = ["SourceContract", "SourceWorld"]

_CUSTOMER: Final = "cus_contract"
_OTHER: Final = "cus_contract2"  # begins with the whole of the first one's id
_STRANGER: Final = "cus_stranger"
_MANY: Final = 101  # more than a page of any upstream we know
_THREADS: Final = 8
_ROUNDS: Final = 10

_ODD_IDS: Final = [  # each might be taken for somebody who holds something, by an upstream or on the way to it
    "CUS_CONTRACT",
    "cus_contrac",
    "cus_contrac_",
    "cus_contrac%",
    "cus_contrac?",
    "cus_*",
    "%",
    "*",
    " cus_contract",
    "cus_contract ",
    "cus_contract\n",
    "cus_contract\0",
    "cus_contract,cus_contract2",
    "cus_contract&customer=cus_contract",
    "x&customer=cus_contract",
    "cus_contract?x=1",
    "cus_contract#x",
    "cus_contract/",
    "./cus_contract",
    "../cus_contract",
    "cus%5Fcontract",
    "cus_contract%00",
    "x' OR '1'='1",
    'x" OR ""="',
    "\uff43us_contract",
    "cus_c\u00f6ntract",
    "cus_contr\u0430ct",
    "\ud800",
    "x" * 300,
    ".",
    "",
]

_ODD_KEYS: Final = [
    "a",
    "A",
    "a b",
    "a,b",
    "a;b",
    "a&b=c",
    "a/b",
    "\u00e9",
    "e\u0301",
    "\u529f",
    "%61",
    "null",
    "0",
    "x" * 80,
]


class SourceWorld(Protocol):
    """A source, and a hand in what it reads."""

    @property
    def source(self) -> Source:
        """Give the source under test; it may be asked for many times."""
        ...

    def hold(self, customer: str, *features: str) -> None:
        """Let a customer hold exactly these features from now on; with none, be known and hold nothing."""

    def fail(self) -> None:
        """Let whatever the source reads from fail from now on, in any way it has."""

    def hang(self) -> None:
        """Let whatever the source reads from take questions from now on, and never answer."""

    def heal(self) -> None:
        """Let it be well again, and let go whoever hangs."""


class SourceContract:
    """The promises of a source. Subclass it, and give the fixture `world`; parametrize that for several ways to fail.

    A source that reads from nothing but memory can't hang: its `hang` does nothing, and it just answers.

    Example:
        class TestMine(SourceContract):
            @pytest.fixture
            def world(self):
                with MyWorld() as world:  # has source, hold, fail, hang and heal: see SourceWorld
                    yield world

    Attributes:
        patience: seconds a fetch is allowed where nothing is wrong.
        deadline: seconds it is allowed where nothing answers.
        slack: seconds after that deadline by which it must have ended.
    """

    patience: ClassVar[float] = 10.0
    deadline: ClassVar[float] = 0.3
    slack: ClassVar[float] = 0.5

    @pytest.fixture
    def world(self) -> SourceWorld:
        """Make the world; a subclass must."""
        raise NotImplementedError("give a fixture `world`, as SourceContract shows")

    def fetch(self, world: SourceWorld, customer: str) -> Holding:
        """Ask, with time enough, and look at what every answer owes."""
        holding: object = world.source.fetch(customer, Deadline.after(self.patience))
        assert isinstance(holding, Holding), f"fetch gave {type(holding).__name__}, which is no Holding"
        assert isinstance(holding.features, frozenset), "features can be changed by whoever reads them"
        assert all(type(key) is str for key in holding.features)
        assert type(holding.known) is bool
        assert holding.request_id is None or type(holding.request_id) is str
        return holding

    # --- what an answer is -------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("count", [0, 1, 10, 11, 99, 100, 101, 250])
    def test_the_set_is_whole(self, world: SourceWorld, count: int) -> None:
        """I4: all the features, however many, and nothing else; around the sizes that upstreams page by."""
        keys = frozenset(f"feature-{number:03}" for number in range(count))
        world.hold(_CUSTOMER, *sorted(keys))
        holding = self.fetch(world, _CUSTOMER)
        assert holding.features == keys
        assert holding.known

    def test_the_keys_are_exactly_as_they_are(self, world: SourceWorld) -> None:
        """No key is split, folded, trimmed, decoded or normalised on its way."""
        world.hold(_CUSTOMER, *_ODD_KEYS)
        assert self.fetch(world, _CUSTOMER).features == frozenset(_ODD_KEYS)

    def test_whoever_holds_nothing_is_known(self, world: SourceWorld) -> None:
        """An empty set is an answer."""
        world.hold(_CUSTOMER)
        holding = self.fetch(world, _CUSTOMER)
        assert (holding.features, holding.known) == (frozenset(), True)

    def test_a_stranger_is_no_error(self, world: SourceWorld) -> None:
        """Somebody never heard of holds nothing; whether that is `known` is the source's own affair."""
        world.hold(_CUSTOMER, "exports")
        assert self.fetch(world, _STRANGER).features == frozenset()

    def test_what_was_given_stays_as_it_was(self, world: SourceWorld) -> None:
        """A change makes another answer, and alters none that was given."""
        world.hold(_CUSTOMER, "exports")
        before = self.fetch(world, _CUSTOMER)
        world.hold(_CUSTOMER, "sso")
        self.fetch(world, _CUSTOMER)
        assert before.features == frozenset({"exports"})

    def test_every_fetch_sees_the_newest_truth(self, world: SourceWorld) -> None:
        """Nothing is remembered: what is cached, and for how long, is not the source's to decide."""
        seen: list[list[str]] = []
        for features in (["exports"], ["exports", "sso"], ["sso"], [], ["exports"]):
            world.hold(_CUSTOMER, *features)
            seen += [sorted(self.fetch(world, _CUSTOMER).features) for _ in range(2)]
        assert seen[::2] == seen[1::2] == [["exports"], ["exports", "sso"], ["sso"], [], ["exports"]]

    def test_a_stranger_who_became_a_customer_is_one(self, world: SourceWorld) -> None:
        """Not to be known isn't remembered either."""
        self.fetch(world, _CUSTOMER)
        world.hold(_CUSTOMER, "exports")
        holding = self.fetch(world, _CUSTOMER)
        assert (holding.features, holding.known) == (frozenset({"exports"}), True)

    # --- whose it is -------------------------------------------------------------------------------------------------

    def test_customers_do_not_mix(self, world: SourceWorld) -> None:
        """I7: each holds their own, in whatever order they are asked about."""
        world.hold(_CUSTOMER, "exports")
        world.hold(_OTHER, "sso")
        asked = [_CUSTOMER, _OTHER, _OTHER, _CUSTOMER]
        held = [frozenset({"exports"}), frozenset({"sso"})]
        assert [self.fetch(world, customer).features for customer in asked] == [*held, *held[::-1]]

    @pytest.mark.parametrize("odd", _ODD_IDS, ids=ascii)
    def test_an_odd_id_reaches_nobody_else(self, world: SourceWorld, odd: str) -> None:
        """I7: an id that is nobody's holds nothing or is refused, whatever its characters mean along the way."""
        world.hold(_CUSTOMER, "exports")
        world.hold(_OTHER, "sso")
        try:
            holding = world.source.fetch(odd, Deadline.after(self.patience))
        except Exception:  # noqa: BLE001 - refusing it is as good
            return
        assert holding.features == frozenset()

    def test_many_threads_may_ask_at_once(self, world: SourceWorld) -> None:
        """Each gets the answer to its own question."""
        customers = [f"{_CUSTOMER}{number}" for number in range(_THREADS)]
        for customer in customers:
            world.hold(customer, f"only-{customer}", "shared")
        together = threading.Barrier(_THREADS)

        def ask(customer: str) -> set[frozenset[str]]:
            together.wait(self.patience)
            return {self.fetch(world, customer).features for _ in range(_ROUNDS)}

        with ThreadPoolExecutor(_THREADS) as pool:
            seen = dict(zip(customers, pool.map(ask, customers), strict=True))
        assert seen == {customer: {frozenset({f"only-{customer}", "shared"})} for customer in customers}

    # --- when there is no answer -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("held", [_MANY, 1, 0, None], ids=["many", "one", "none", "stranger"])
    def test_a_failure_is_an_error(self, world: SourceWorld, held: int | None) -> None:
        """I5: never an empty set, a part, an unknown customer or what was true before; and it passes with its cause."""
        keys = [f"feature-{number:03}" for number in range(held or 0)]
        if held is not None:
            world.hold(_CUSTOMER, *keys)
        assert sorted(self.fetch(world, _CUSTOMER).features) == keys
        world.fail()
        for _ in range(2):
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the source says; the library takes any
                world.source.fetch(_CUSTOMER, Deadline.after(self.patience))
        world.heal()
        assert sorted(self.fetch(world, _CUSTOMER).features) == keys

    @pytest.mark.parametrize("seconds", [None, 0.0], ids=["some time", "none left"])
    def test_the_deadline_ends_it(self, world: SourceWorld, seconds: float | None) -> None:
        """R72: where nothing answers it gives up in time, with an error; and it passes with its cause."""
        allowed = self.deadline if seconds is None else seconds
        world.hold(_CUSTOMER, "exports")
        world.hang()
        asking = _Asking(lambda: world.source.fetch(_CUSTOMER, Deadline.after(allowed)))
        ended = asking.ended(within=allowed + self.slack)
        world.heal()
        assert ended, f"still fetching {self.slack:g} s after its deadline"
        assert asking.gave is None or asking.gave.features == frozenset({"exports"})
        assert self.fetch(world, _CUSTOMER).features == frozenset({"exports"})


class _Asking(threading.Thread):
    """A fetch on a thread of its own, since one that ignores its deadline may never end."""

    def __init__(self, fetch: Callable[[], Holding]) -> None:
        super().__init__(daemon=True)
        self._fetch = fetch
        self.gave: Holding | None = None
        self._began = real_now()
        self.start()

    def run(self) -> None:
        try:
            self.gave = self._fetch()
        except Exception:  # noqa: BLE001 - giving up is what it may well do
            return

    def ended(self, *, within: float) -> bool:
        """Wait for it to end, so many seconds after it began."""
        self.join(max(0.0, self._began + within - real_now()))
        return not self.is_alive()
