"""A request and a reply as they travel, by a socket or within the process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from entitlements.emulator.ids import new_id

if TYPE_CHECKING:
    from entitlements.emulator.fault import Fault

__all__ = ["Http", "Reply", "Steps"]


@dataclass(frozen=True, slots=True)
class Http:
    """A request: its path still percent-encoded, its headers' names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    id: str = field(default_factory=lambda: new_id("req_"))

    @property
    def idempotency_key(self) -> str | None:
        """Give the key that makes a POST safe to repeat."""
        return self.headers.get("idempotency-key") or None

    @property
    def text(self) -> str:
        """Give the body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and the fault it suffers on its way: a lost connection, half a body, a drip."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    fault: Fault | None = None

    def suffering(self, fault: Fault) -> Reply:
        """Give the same reply, to be spoiled on its way."""
        return replace(self, fault=fault)

    @property
    def way(self) -> str:
        """Say how it travels: `whole`, or as the fault's kind has it."""
        return "whole" if self.fault is None else self.fault.kind

    @property
    def head(self) -> bytes:
        """Write status line and headers; after such a reply the connection closes."""
        reason = HTTPStatus(self.status).phrase if self.status in {each.value for each in HTTPStatus} else ""
        headers = {**self.headers, "Content-Length": str(len(self.body)), "Connection": "close"}
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1")


# A request is served in steps: what it yields is waited for, by a loop or by a thread; what it returns is the reply.
Steps: TypeAlias = Generator[Future[None], None, Reply]
