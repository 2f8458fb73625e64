"""Webhook faults on request: deliveries that come late, twice, in another order, or never."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from entitlements.emulator.odds import Odds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Parcel", "WebhookFault", "WebhookFaults"]

Kind: TypeAlias = Literal["hold", "delay", "duplicate", "reorder", "drop"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that was not tried yet: the event's type, and whom it goes to."""

    type: str
    endpoint: str
    url: str


@dataclass(eq=False)
class WebhookFault:
    """One fault on webhooks that was set; a handle to take it back.

    Attributes:
        events: the types it strikes; `*` stands for anything.
        endpoint: the endpoint it strikes, by id or URL; `*` stands for anything.
        times: how many deliveries it strikes, None for all that come.
        seconds: how long a delivery is held back at most.
        copies: how many more times a delivery is made.
        window: how many deliveries are gathered, to be sent in another order.
        seed: shuffles what was gathered; None turns it round.
        hits: how many deliveries it has struck.
    """

    kind: Kind
    events: str = "*"
    endpoint: str = "*"
    times: int | None = None
    seconds: float = 0.0
    copies: int = 0
    window: int = 0
    seed: int | None = None
    odds: Odds = field(default_factory=Odds, repr=False)
    wake: Callable[[], None] = field(default=lambda: None, repr=False)
    hits: int = 0
    _open: bool = field(default=True, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def strikes(self, parcel: Parcel) -> bool:
        """Say whether a delivery is hit, and count it if so."""
        with self._guard:
            hit = self._matches(parcel) and self.odds.happens()
            self.hits += hit
            return hit

    def _matches(self, parcel: Parcel) -> bool:
        worn_out = self.times is not None and self.hits >= self.times
        here = fnmatchcase(parcel.endpoint, self.endpoint) or fnmatchcase(parcel.url, self.endpoint)
        return self._open and not worn_out and here and fnmatchcase(parcel.type, self.events)

    def ordered(self, gathered: Sequence[int]) -> list[int]:
        """Give the order in which gathered deliveries are sent."""
        if self.seed is None:
            return list(reversed(gathered))
        shuffled = list(gathered)
        random.Random(self.seed).shuffle(shuffled)  # noqa: S311 - to be repeated, not to be secret
        return shuffled

    @property
    def standing(self) -> bool:
        """Say whether it has not been released."""
        return self._open

    def release(self) -> None:
        """End this fault, and send what it holds back."""
        self._open = False
        self.wake()


class WebhookFaults:
    """Set faults on webhooks. They strike deliveries not tried yet; all that match strike, and a drop outdoes the rest.

    >>> faults = WebhookFaults()
    >>> late = faults.delay(2.0, "customer.*", times=1)
    >>> parcel = Parcel("customer.created", "we_1", "http://localhost/hook")
    >>> faults.striking(parcel) == (late,), faults.striking(parcel)
    (True, ())
    """

    def __init__(self) -> None:
        self._set: list[WebhookFault] = []
        self._guard = threading.Lock()
        self._odds: Callable[[], Odds] = Odds
        self._heard: Callable[[], None] | None = None

    def listen(self, heard: Callable[[], None]) -> None:
        """Call back when a release lets deliveries go."""
        self._heard = heard

    def _wake(self) -> None:
        if self._heard is not None:
            self._heard()

    def sometimes(self, chance: float, seed: int = 0) -> WebhookFaults:
        """Set faults that strike by chance; the same seed gives the same faults in the same order of deliveries."""
        Odds(chance, seed)  # a chance that is none is told here
        by_chance = WebhookFaults()
        by_chance._set, by_chance._guard = self._set, self._guard
        by_chance.listen(self._wake)
        by_chance._odds = lambda: Odds(chance, seed)
        return by_chance

    def hold(self, events: str = "*", endpoint: str = "*", *, times: int | None = None) -> WebhookFault:
        """Hold deliveries back until the fault is released."""
        return self._add(WebhookFault("hold", events, endpoint, times, float("inf")))

    def delay(
        self, seconds: float, events: str = "*", endpoint: str = "*", *, times: int | None = None
    ) -> WebhookFault:
        """Make deliveries some seconds later."""
        return self._add(WebhookFault("delay", events, endpoint, times, seconds))

    def duplicate(
        self, events: str = "*", endpoint: str = "*", *, copies: int = 1, times: int | None = None
    ) -> WebhookFault:
        """Make deliveries more than once; each copy is listed as a delivery of its own."""
        return self._add(WebhookFault("duplicate", events, endpoint, times, copies=copies))

    def reorder(  # noqa: PLR0913 - which deliveries, and how to mix them
        self,
        events: str = "*",
        endpoint: str = "*",
        *,
        window: int = 2,
        seed: int | None = None,
        patience: float = 1.0,
        times: int | None = None,
    ) -> WebhookFault:
        """Gather deliveries and send them the other way round, or shuffled if a seed is given.

        An incomplete window is sent after `patience` seconds.
        """
        return self._add(WebhookFault("reorder", events, endpoint, times, patience, window=window, seed=seed))

    def drop(self, events: str = "*", endpoint: str = "*", *, times: int | None = None) -> WebhookFault:
        """Never make deliveries; their state is `dropped`."""
        return self._add(WebhookFault("drop", events, endpoint, times))

    def clear(self) -> None:
        """End every fault and send what they hold back."""
        with self._guard:
            faults = list(self._set)
            self._set.clear()
        for fault in faults:
            fault.release()

    def striking(self, parcel: Parcel) -> tuple[WebhookFault, ...]:
        """Find the faults that strike a delivery."""
        return tuple(fault for fault in self.listed() if fault.strikes(parcel))

    def listed(self) -> tuple[WebhookFault, ...]:
        """List the faults that are set."""
        with self._guard:
            return tuple(fault for fault in self._set if fault.standing)

    def _add(self, fault: WebhookFault) -> WebhookFault:
        fault.odds, fault.wake = self._odds(), self._wake
        with self._guard:
            self._set.append(fault)
        return fault
