"""One answer off the wire, whole, not yet judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "readable"]

_LONGEST: Final = 500  # of any text taken from an answer into an error


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers under lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # a proxy may echo what it was sent
    content: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own ranges

    @property
    def request_id(self) -> str | None:
        return self.headers.get("request-id")

    @property
    def retry_after(self) -> float | None:
        """Read `Retry-After` in seconds; Stripe doesn't send dates there, and one is ignored."""
        try:
            seconds = float(self.headers.get("retry-after", "nan"))
        except ValueError:
            return None
        return seconds if math.isfinite(seconds) and seconds >= 0 else None

    @property
    def should_retry(self) -> bool:
        """Decide by `Stripe-Should-Retry` where it is sent, else by the status."""
        if (said := self.headers.get("stripe-should-retry")) in {"true", "false"}:
            return said == "true"
        return self.status in {409, 429} or self.status >= 500  # noqa: PLR2004 - HTTP's own ranges


def readable(text: str) -> str:
    r"""Make a text that came from elsewhere one line that can be read.

    It goes into errors and logs, where a newline would begin a line of its own and an escape would move the cursor.

    >>> readable("req_1\r\nERROR")
    'req_1��ERROR'
    """
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:_LONGEST])
