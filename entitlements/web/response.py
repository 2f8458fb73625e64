"""A response as a value: what every framework can send in its own way."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["PRIVATE", "Response", "problem"]

PRIVATE: Final = "private, no-store"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}  # an application's own may be in no list


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers and a body, ready to be sent.

    >>> Response.of(402, "text/plain; charset=utf-8", "No.").headers
    (('Content-Type', 'text/plain; charset=utf-8'), ('Content-Length', '3'), ('Cache-Control', 'private, no-store'))
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, content_type: str, text: str, headers: Mapping[str, str] | None = None) -> Self:
        """Make a response that no cache keeps."""
        body = text.encode("utf-8", "replace")  # a product's name may hold what UTF-8 has no bytes for
        own = {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": PRIVATE}
        return cls(status, tuple({**own, **(headers or {})}.items()), body)

    @property
    def status_line(self) -> str:
        """Name the status, as in `402 Payment Required`."""
        return f"{self.status} {_PHRASES.get(self.status, 'Refused')}"

    def answering(self, method: str) -> Self:
        """Leave the body out for HEAD; its length is still told."""
        return replace(self, body=b"") if method == "HEAD" else self


def problem(members: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Say what is wrong in the form of RFC 9457; `members` holds at least the `status`.

    >>> problem({"title": "Gone", "status": 410}).body
    b'{"title": "Gone", "status": 410}'
    """
    status = members["status"]
    assert isinstance(status, int)  # noqa: S101 - ours to keep; for the type checkers
    return Response.of(status, "application/problem+json", json.dumps(members, ensure_ascii=False), headers)
