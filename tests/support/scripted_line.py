"""A connection to Stripe that is only a script: each request is answered by the next of its replies, without a socket.

    stripe._http._lines = Lines(lambda: line)
    line.play(replies)

What stands above a connection is real: the client, its JSON, its errors and its pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plain_pages import NO_ANSWER, Reply

from entitlements.stripe.answer import Answer
from entitlements.stripe.errors import StripeConnectionError, StripeTimeout

if TYPE_CHECKING:
    import requests

    from entitlements.clocks import Deadline

__all__ = ["ScriptedLine"]


class ScriptedLine:
    """Answer each request with the next reply, and with none after the last."""

    reusable: Final = True

    def __init__(self, key: str) -> None:
        self._key = key
        self._script: tuple[Reply, ...] = ()
        self._next = 0

    def play(self, script: tuple[Reply, ...]) -> None:
        self._script, self._next = script, 0

    def exchange(
        self, request: requests.PreparedRequest, deadline: Deadline, *, longest: int
    ) -> Answer | StripeConnectionError:
        assert request.headers["Authorization"] == f"Bearer {self._key}"
        reply = self._script[self._next] if self._next < len(self._script) else NO_ANSWER
        self._next += 1
        if reply is NO_ANSWER:
            return StripeConnectionError("no answer") if self._next % 2 else StripeTimeout("no answer in time")
        return Answer(reply.status, reply.headers, reply.body)

    def close(self) -> None:
        """There is nothing to close."""
