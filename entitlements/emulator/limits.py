"""Stripe's published rate limits, as token buckets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entitlements.emulator.clock import steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.emulator.wire.routes import Route

__all__ = ["Gauge", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second that are let through, as Stripe publishes them for a sandbox; a burst is a second's worth.

    Attributes:
        account: for everything an account asks, in whichever way.
        operation: for one named operation; `GET /v1/prices/{price}` is one for all prices.
        files: for reading files, and as much again for writing them.
        quantity_updates: for changes of one subscription's items, in an hour.

    >>> Limits().account, Limits(account=100).account
    (25, 100)
    """

    account: int = 25
    operation: int = 25
    files: int = 20
    quantity_updates: int = 200


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at a steady rate, up to as many as it holds.

    >>> bucket = Bucket(size=2, seconds=1.0, at=0.0)
    >>> [bucket.take(now) for now in (0.0, 0.0, 0.0, 0.4, 0.5)]
    [True, True, False, False, True]
    """

    size: int
    seconds: float
    at: float
    left: float = -1.0

    def __post_init__(self) -> None:
        self.left = float(self.size)

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self.left = min(self.size, self.left + (now - self.at) * self.size / self.seconds)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


class Gauge:
    """Count requests against limits, each account's by itself; without limits everything passes."""

    def __init__(self, limits: Limits | None, now: Callable[[], float] = steady) -> None:
        self._limits = limits
        self._now = now
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._guard = threading.Lock()

    def exceeded(self, account: str, route: Route | None, subject: str | None = None) -> str | None:
        """Count a request; name the limit it exceeds, as `Stripe-Rate-Limited-Reason` does.

        Args:
            account: whose request it is.
            route: the operation, None if there is none.
            subject: the subscription whose items it would change.
        """
        if self._limits is None:
            return None
        with self._guard:
            if not self._take(("account", account), self._limits.account):
                return "global-rate"
            if route is not None and not self._take(*self._operation(account, route)):
                return "endpoint-rate"
            if subject is not None and not self._take(("items", subject), self._limits.quantity_updates, 3600.0):
                return "resource-specific"
        return None

    def clear(self) -> None:
        """Begin to count anew."""
        with self._guard:
            self._buckets.clear()

    def _operation(self, account: str, route: Route) -> tuple[tuple[str, ...], int]:
        limits = self._limits or Limits()
        if route.path.startswith("/v1/files"):
            return (account, "files", route.method), limits.files
        return (account, route.method, route.path), limits.operation

    def _take(self, name: tuple[str, ...], size: int, seconds: float = 1.0) -> bool:
        now = self._now()
        return self._buckets.setdefault(name, Bucket(size, seconds, now)).take(now)
