"""What an application answered, however it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Reply"]


@dataclass(frozen=True)
class Reply:
    """A status, headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Reply:
        named: dict[str, str] = {}
        for name, value in headers:
            assert name.lower() not in named, f"{name} was sent twice"
            named[name.lower()] = value
        return cls(status, named, body)

    @property
    def problem(self) -> dict[str, object]:
        """Read the body as RFC 9457 has it."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["content-length"] == str(len(self.body))
        members: dict[str, object] = json.loads(self.body)
        assert members["status"] == self.status
        return members
