"""The catalogue: which features there are, and which products include them.

It is loaded behind and kept for some minutes. A refusal reads it to say what would help; only the first ones wait for
it, a fraction of a second at most.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from cachetools import TTLCache

from entitlements.clocks import Deadline, real_now
from entitlements.forks import reset_in_child
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from entitlements.decision import Offer
    from entitlements.requirement import Requirement

_seldom = Seldom(logging.getLogger("entitlements"), seconds=60.0)

__all__ = ["Catalog", "CatalogSource", "Contents"]

_AT: Final = "at"
_TTL: Final = 300.0
_RECENT: Final = 15.0  # seconds in which a catalogue is not loaded again, whatever is asked
_RETRY: Final = 15.0  # seconds before a catalogue that failed to load is tried again


@dataclass(frozen=True, slots=True)
class Contents:
    """What Stripe's catalogue holds: features ↔ products.

    Attributes:
        keys: every feature's lookup key, archived ones too.
        offers: by lookup key, the active products that include it.

    >>> from entitlements import Offer
    >>> pro, team = Offer("prod_1", "Pro"), Offer("prod_2", "Team")
    >>> contents = Contents.of({"exports": [pro, team], "sso": [team]}, also={"beta"})
    >>> contents.unlocks(("exports", "sso"), any_of=False)
    (Offer(product='prod_2', name='Team'),)
    >>> contents.nearest("export")
    'exports'
    """

    keys: frozenset[str] = frozenset()
    offers: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict[str, "tuple[Offer, ...]"])

    @classmethod
    def of(cls, offers: Mapping[str, Iterable[Offer]], *, also: Iterable[str] = ()) -> Contents:
        """Build from features and the products that include them, and keys that no product includes."""
        return cls(frozenset(offers) | frozenset(also), {key: tuple(those) for key, those in offers.items()})

    def unlocks(self, missing: Iterable[str], *, any_of: bool) -> tuple[Offer, ...]:
        """Find the products to offer: those that include all that is missing, or else those that include some."""
        sets = [self.offers.get(feature, ()) for feature in missing]
        whole = [offer for offer in sets[0] if all(offer in those for those in sets)] if sets and not any_of else []
        return tuple(whole) or tuple(dict.fromkeys(offer for those in sets for offer in those))

    def nearest(self, key: str) -> str | None:
        """Find the key that was probably meant."""
        from difflib import get_close_matches  # noqa: PLC0415 - for a misspelt key only

        found = get_close_matches(key, self.keys, n=1, cutoff=0.6)
        return found[0] if found else None

    def unknown(self, requirement: Requirement) -> str | None:
        """Find a key that the catalogue doesn't have."""
        return next((key for key in requirement.features if key not in self.keys), None)


class CatalogSource(Protocol):
    """Load the whole catalogue, or raise."""

    def __call__(self) -> Contents: ...


class Catalog:
    """Keep the catalogue's contents; load them behind, once at a time.

    Old contents serve while new ones load, and while Stripe fails.
    """

    def __init__(
        self,
        load: CatalogSource | None,
        *,
        spawn: Callable[[Callable[[], object]], bool],
        clock: Callable[[], float],
    ) -> None:
        self._load = load
        self._spawn = spawn
        self._clock = clock
        self._fresh: TTLCache[str, float] = TTLCache(1, ttl=_TTL, timer=clock)
        self._recent: TTLCache[str, float] = TTLCache(1, ttl=_RECENT, timer=clock)
        self._failed: TTLCache[str, float] = TTLCache(1, ttl=_RETRY, timer=clock)
        self.contents: Contents | None = None
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Let go of what belongs to another process, as a forked child must."""
        self._lock = threading.Lock()
        self._loading = False
        self._began = 0.0
        self._calls: list[Callable[[], object]] = []

    def current(self) -> Contents | None:
        """Give what is known, without waiting; begin to load if that is nothing, or old."""
        with self._lock:
            due = self._load is not None and not (
                self._loading or self._stands(self._fresh) or self._stands(self._failed)
            )
            if due:
                self._loading, self._began = True, real_now()
        if due:
            self._begin()
        return self.contents

    def read(self) -> Contents | None:
        """Load the contents on this thread; `None` where there is no catalogue.

        Raises:
            EntitlementsError: it can't be read.
        """
        return self._load() if self._load else None

    def doubt(self) -> None:
        """Load again, unless that was just done: something was asked for that the contents don't have."""
        with self._lock:
            recent = self._stands(self._recent)
            if not recent:
                self._fresh.clear()
        if not recent:
            self.current()

    @property
    def absent(self) -> bool:
        """Say whether there is no catalogue to load."""
        return self._load is None

    @property
    def doubtful(self) -> bool:
        """Say whether a load is under way, or due: what the contents lack may exist."""
        with self._lock:
            return self._loading or not self._stands(self._fresh)

    def coming(self, patience: float) -> Deadline | None:
        """Say until when contents that are on their way may be waited for: so long, once a load, whoever waits."""
        due = Deadline(self._began + patience)
        return due if self._loading and not due.passed else None

    def _stands(self, stamp: TTLCache[str, float]) -> bool:
        at = stamp.get(_AT)
        return at is not None and at <= self._clock()  # a stamp from the future is of a clock that was moved back

    def on_landing(self, call: Callable[[], object]) -> None:
        """Have `call` made when the load under way ends, or at once if there is none."""
        with self._lock:
            if self._loading:
                self._calls.append(call)
                return
        call()

    def outdated(self) -> None:
        """Load again at the next question: the catalogue changed."""
        with self._lock:
            self._fresh.clear()
            self._recent.clear()

    def _begin(self) -> None:
        try:
            room = self._spawn(self._run)
        except RuntimeError:  # the interpreter is shutting down
            room = False
        if not room:
            self._end(None)

    def _run(self) -> None:
        contents = None
        try:
            contents = self.read()
        except Exception as error:  # noqa: BLE001 - a refusal without its offers is better than none
            _seldom.warning("the catalogue can't be read, so refusals don't say what unlocks them: %s", error)
        finally:
            self._end(contents)

    def _end(self, contents: Contents | None) -> None:
        with self._lock:
            if contents is not None:
                self.contents = contents
                self._fresh[_AT] = self._recent[_AT] = self._clock()
            else:
                self._failed[_AT] = self._clock()
            self._loading = False
            calls, self._calls = self._calls, []
        for call in calls:
            call()
