"""Faults on request: routes that fail, hang, dawdle, lie or drop the line, until told otherwise."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from entitlements.emulator.fault import Fault
from entitlements.emulator.odds import Odds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entitlements.emulator.fault import Part, When

__all__ = ["Fault", "Faults"]


class Faults:
    """Set faults on routes; the first that matches strikes. A path's `*` stands for anything.

    >>> faults = Faults()
    >>> fault = faults.status(429, "GET", "/v1/entitlements/*", times=1, headers={"Retry-After": "1"})
    >>> faults.striking("GET", "/v1/entitlements/features") is fault
    True
    >>> faults.striking("GET", "/v1/entitlements/features") is None, fault.hits
    (True, 1)
    """

    def __init__(self) -> None:
        self._set: list[Fault] = []
        self._guard = threading.Lock()
        self._odds: Callable[[], Odds] = Odds

    def sometimes(self, chance: float, seed: int = 0) -> Faults:
        """Set faults that strike by chance; the same seed gives the same faults in the same order of requests.

        >>> faults = Faults()
        >>> fault = faults.sometimes(0.1, seed=7).status(500)
        >>> [number for number in range(20) if faults.striking("GET", "/v1/prices")]
        [3, 6, 8, 10, 11]
        """
        Odds(chance, seed)  # a chance that is none is told here
        by_chance = Faults()
        by_chance._set, by_chance._guard = self._set, self._guard
        by_chance._odds = lambda: Odds(chance, seed)
        return by_chance

    def status(  # noqa: PLR0913 - which request, and what to answer
        self,
        status: int,
        method: str = "*",
        path: str = "*",
        *,
        times: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        should_retry: bool | None = None,
        when: When = "before",
    ) -> Fault:
        """Answer with a status: Stripe's error body for it, unless a body is given.

        `should_retry` adds the header `Stripe-Should-Retry`, which the official client obeys.
        """
        advice = {} if should_retry is None else {"Stripe-Should-Retry": str(should_retry).lower()}
        return self._add(
            Fault("status", method, path, times, when, status, headers={**advice, **(headers or {})}, body=body)
        )

    def rate_limit(
        self, method: str = "*", path: str = "*", *, reason: str = "global-rate", times: int | None = None
    ) -> Fault:
        """Answer 429 as Stripe does where a limit is exceeded.

        The reasons are `global-rate`, `global-concurrency`, `endpoint-rate`, `endpoint-concurrency` and
        `resource-specific`.
        """
        headers = {"Stripe-Rate-Limited-Reason": reason}
        return self._add(Fault("status", method, path, times, status=429, code="rate_limit", headers=headers))

    def lock_timeout(self, method: str = "*", path: str = "*", *, times: int | None = None) -> Fault:
        """Answer 429 as Stripe does where another request holds the object."""
        return self._add(Fault("status", method, path, times, status=429, code="lock_timeout"))

    def hang(self, method: str = "*", path: str = "*", *, times: int | None = None, when: When = "before") -> Fault:
        """Hold requests without a word until the fault is released; then they go on."""
        return self._add(Fault("hang", method, path, times, when))

    def delay(self, seconds: float, method: str = "*", path: str = "*", *, times: int | None = None) -> Fault:
        """Answer, but some seconds later."""
        return self._add(Fault("delay", method, path, times, seconds=seconds))

    def reset(self, method: str = "*", path: str = "*", *, times: int | None = None, when: When = "before") -> Fault:
        """Drop the connection instead of answering (`when="after"`: the change is made, its answer is lost)."""
        return self._add(Fault("reset", method, path, times, when))

    def half(self, method: str = "*", path: str = "*", *, times: int | None = None) -> Fault:
        """Do what is asked, then break off in the middle of the answer's body, whose length was announced rightly."""
        return self._add(Fault("half", method, path, times))

    def drip(
        self, seconds: float, method: str = "*", path: str = "*", *, part: Part = "body", times: int | None = None
    ) -> Fault:
        """Answer a byte at a time, so many seconds apart, from the `body` on or from the `head` on.

        No read timeout ever fires: each byte resets it. Only a deadline for the whole ends such a call.
        """
        return self._add(Fault("drip", method, path, times, seconds=seconds, part=part))

    def empty_page(self, path: str = "*", *, times: int | None = None) -> Fault:
        """Answer lists with an empty page that says more follow."""
        return self._add(Fault("empty_page", "GET", path, times))

    def revoked_cursor(self, path: str = "*", *, times: int | None = None) -> Fault:
        """Refuse the cursors of lists as if their objects were gone: 400, `resource_missing`."""
        return self._add(Fault("revoked_cursor", "GET", path, times))

    def lag(self, path: str = "*", *, requests: int = 0, seconds: float = 0.0) -> Fault:
        """Let lists of active entitlements go on as before a change, after its event was sent.

        The old answer, all its pages, is given to so many requests for the customer, or for so many seconds,
        whichever ends later; they count from the first sending of the event, or from the change if nobody listens.

        >>> import stripe as stripe_api
        >>> from entitlements.emulator import StripeEmulator
        >>> shop = {"features": {"sso": "Sign-on"}, "products": {"pro": {"features": ["sso"], "price": 2900}}}
        >>> with StripeEmulator(catalog=shop) as stripe:
        ...     lag = stripe.faults.lag(requests=1)
        ...     alice = stripe.customer()
        ...     subscription = stripe.subscribe(alice, "pro")
        ...     client = stripe_api.StripeClient(stripe.api_key, http_client=stripe.http_client()).v1
        ...     held = client.entitlements.active_entitlements
        ...     [len(held.list({"customer": alice}).data) for _ in range(2)]
        [0, 1]
        """
        return self._add(Fault("lag", "GET", path, requests=requests, seconds=seconds))

    def clear(self) -> None:
        """End every fault and let go what they hold."""
        with self._guard:
            faults = list(self._set)
            self._set.clear()
        for fault in faults:
            fault.release()

    def listed(self) -> tuple[Fault, ...]:
        """List the faults that are set, in the order they are looked at."""
        with self._guard:
            return tuple(fault for fault in self._set if fault.standing)

    def striking(self, method: str, path: str, query: str = "", *, lists: bool = True) -> Fault | None:
        """Find the fault that strikes a request; a lag strikes none, it is asked for by itself."""
        faults = (fault for fault in self.listed() if fault.kind != "lag")
        return next((fault for fault in faults if fault.strikes(method, path, query, lists=lists)), None)

    def lagging(self, method: str, path: str) -> Fault | None:
        """Find the lag that a request is subject to."""
        lags = (fault for fault in self.listed() if fault.kind == "lag")
        return next((lag for lag in lags if lag.matches(method, path) and lag.odds.happens()), None)

    def _add(self, fault: Fault) -> Fault:
        fault.odds = self._odds()
        with self._guard:
            self._set.append(fault)
        return fault
