"""A route: what it is called with, what it accepts, what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_plus

from entitlements.emulator.lifecycle import Rules
from entitlements.emulator.wire.params import Kind

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["Call", "Contents", "Handler", "Origin", "Route"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that caused a change, as its events name it; both None for changes nobody asked for."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: an answer that is no JSON."""

    body: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Call:
    """One piece of work in one transaction: the time it happens at, and what was asked."""

    tx: Transaction
    now: int
    rules: Rules = field(default_factory=Rules)
    origin: Origin = field(default_factory=Origin)
    path: str = ""
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Json = field(default_factory=dict[str, Any])
    named: str | None = None  # an id chosen by code in this process, so that a demo can speak of cus_alice
    clock: str | None = None  # the test clock whose time `now` is; none for the emulator's own
    base: Callable[[], str] = str  # the address this is served at, for objects that hold a URL

    def on_its_own(self) -> Call:
        """Name nobody as the cause: Stripe does so for summaries, even when a request caused them."""
        return replace(self, origin=Origin())

    def under(self, clock: str | None) -> Call:
        """Work at the time of a test clock, if there is one."""
        body = None if clock is None else self.tx.get("test_clock", clock)
        return self if body is None else replace(self, now=body["frozen_time"], clock=clock)


Handler: TypeAlias = Callable[[Call], "Json | Contents"]


@dataclass(frozen=True)
class Route:
    """One method and path, with the parameters it accepts and the function that serves it."""

    method: str
    path: str
    handler: Handler
    params: Spec = field(default_factory=dict[str, Kind])
    expands: bool = True

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """Give the ids in the path, if the request is for this route."""
        found = self._pattern.fullmatch(path) if method == self.method else None
        return None if found is None else {name: unquote_plus(part) for name, part in found.groupdict().items()}
