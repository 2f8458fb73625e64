"""Fences: one shared table of tokens that says which answers still stand.

An answer is good while the token it was fetched behind is the token of its stripe now. Invalidating writes a fresh
random token: nothing is deleted, counted, locked or ordered, so events may come twice, late or in any order. Two
customers on one stripe cost a fetch, never a wrong answer.

The table is anonymous shared memory: every process forked from this one sees the same words, with nothing to call.
"""

from __future__ import annotations

import mmap
import os
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STRIPES", "Fences", "raised_at", "shared_fences"]

STRIPES: Final = 262_144  # 2 MiB of tokens
_HEADER: Final = 512  # words before the first stripe: one page
_FEEDS: Final = 256  # header words that say, by scope, when a webhook was last verified: whole seconds of wall time
_MASK: Final = 0xFFFF_FFFF


def _wall() -> float:
    return time.time()  # looked up at each call, so that a test's frozen time is seen


class Fences:
    """A table of 64-bit tokens, one per stripe of customers.

    A token holds 32 bits of coarse wall time (when a change became known; 0 when none did) and 32 random bits. The
    randomness comes from the system: the `random` module's state is copied by a fork.
    """

    def __init__(
        self, *, wall: Callable[[], float] | None = None, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._wall = wall or _wall
        self._entropy = entropy
        # A word is stored whole through a cast view; struct.pack_into was measured to tear.
        self.words: Final = memoryview(mmap.mmap(-1, (_HEADER + STRIPES) * 8)).cast("Q")

    @staticmethod
    def slot(scope: str, customer: str) -> int:
        """Find a customer's word in the table, the same in every process and release."""
        return _HEADER + _hash(scope, customer) % STRIPES

    def token(self, slot: int) -> int:
        """Read the token that a fetch begun now must note.

        Zero is never good, so that a new table may be all zeros: who sees it writes a fresh token. That one carries no
        time, or every cold customer would look like somebody who just bought something.
        """
        return self.words[slot] or self._write(slot, 0)

    def raise_(self, slot: int) -> int:
        """Raise the fence for a change that became known: whatever was fetched before no longer stands."""
        return self._write(slot, int(self._wall()) & _MASK)

    def _write(self, slot: int, moment: int) -> int:
        random = 0
        while not random:
            random = int.from_bytes(self._entropy(4), "little")
        self.words[slot] = moment << 32 | random
        return self.words[slot]

    def feed_heard(self, scope: str) -> None:
        """Note for every process that a webhook of this scope was verified just now."""
        self.words[_hash(scope, "") % _FEEDS] = int(self._wall())

    def feed_silence(self, scope: str) -> float:
        """Count the seconds since any process verified a webhook of this scope; infinite if none ever did."""
        heard = self.words[_hash(scope, "") % _FEEDS]
        silence = self._wall() - heard if heard else float("inf")
        return silence if silence >= -1 else float("inf")  # a moment in the future is no evidence of anything

    def settling(self, token: int, within: float) -> bool:
        """Say whether a change became known within the last seconds, so that Stripe's list may lag behind it."""
        moment = raised_at(token)
        return moment > 0 and self._wall() - moment <= within  # a time in the future counts as now


def _hash(scope: str, customer: str) -> int:
    prefix = scope.encode()
    text = b"%d:%b%b" % (len(prefix), prefix, customer.encode())  # the length keeps two names from running into one
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def raised_at(token: int) -> int:
    """Read the coarse wall time of the change that raised a token; 0 when no change was known."""
    return token >> 32


_shared: Fences | None = None


def shared_fences() -> Fences:
    """Give this process's table, made on first use and inherited by every fork.

    All instances of a process share it, so that a webhook handled through one of them is seen by the others.
    """
    global _shared  # noqa: PLW0603 - one table a process is the point
    if _shared is None:
        _shared = Fences()
    return _shared
