"""Which two replies in flight are swapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.testing.conversation import Conversation

__all__ = ["Swap"]


class Swap:
    """Pair replies as they begin: the first waits until another begins on another connection.

    Attributes:
        left: how many pairs are still to be swapped.
    """

    def __init__(self) -> None:
        self.left = 0
        self._waiting: Conversation | None = None

    def begins(self, reply: Conversation) -> None:
        """Hear that a server begins to answer."""
        if not self.left:
            return
        first = self._waiting
        if first is None or first is reply or first.closed:
            self._waiting = reply
            reply.down.held = True
            return
        self._waiting = None
        self.left -= 1
        reply.swap_with(first)

    def stop(self) -> None:
        """Swap no more; a reply that waits is let go by whoever holds it."""
        self.left, self._waiting = 0, None
