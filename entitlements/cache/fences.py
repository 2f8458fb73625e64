"""Fences: one shared table of tokens that says which answers still stand.

An answer is good while the token it was fetched behind is the token of its stripe now. Invalidating writes a fresh
random token: nothing is deleted, counted, locked or ordered, so events may come twice, late or in any order. Two
customers on one stripe cost a fetch, never a wrong answer.

The table is anonymous shared memory: every process forked from this one sees the same words, with nothing to call.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import TYPE_CHECKING, Final

from entitlements.forks import first_load

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STRIPES", "Fences", "raised_at", "shared_fences"]

_FLOAT: Final = struct.Struct("=d")
_BITS: Final = struct.Struct("=Q")
_EXPONENT: Final = 0x7FF0_0000  # the bits of a float's upper half that make it zero-like or NaN, if all alike
STRIPES: Final = 262_144  # 2 MiB of tokens
_HEADER: Final = 512  # words before the first stripe: one page
_FEEDS: Final = 256  # header words that say, by scope, when a webhook was last verified: whole seconds of wall time


def _wall() -> float:
    return time.time()  # looked up at each call, so that a test's frozen time is seen


class Fences:
    """A table of 64-bit tokens, one per stripe of customers.

    A token holds 32 random bits and 32 bits of coarse wall time: when a change became known, 0 when none did. The
    randomness comes from the system: the `random` module's state is copied by a fork.

    Tokens are written as integers and compared as floats, which the interpreter reads from shared memory in two thirds
    of the time. Every token is a normal number, neither zero nor NaN nor so small that a processor may take it for
    zero, and two normal floats are equal exactly when their bits are.

    >>> fences = Fences()
    >>> slot = fences.slot("self/live", "cus_123")
    >>> before = fences.token(slot)
    >>> fences.raise_(slot) == before
    False
    """

    def __init__(
        self, *, wall: Callable[[], float] | None = None, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._wall = wall or _wall
        self._entropy = entropy
        _hash("", "")  # loads what it needs here, before any thread of ours may be in the midst of loading it
        table = memoryview(mmap.mmap(-1, (_HEADER + STRIPES) * 8))
        # A word is stored whole through a cast view; struct.pack_into was measured to tear.
        self._words = table.cast("Q")
        self.tokens: Final = table.cast("d")

    @staticmethod
    def slot(scope: str, customer: str) -> int:
        """Find a customer's word in the table, the same in every process and release."""
        return _HEADER + _hash(scope, customer) % STRIPES

    def token(self, slot: int) -> float:
        """Read the token that a fetch begun now must note.

        Zero is never good, so that a new table may be all zeros: who sees it writes a fresh token. That one carries no
        time, or every cold customer would look like somebody who just bought something.
        """
        return self.tokens[slot] or self._write(slot, 0)

    def raise_(self, slot: int) -> float:
        """Raise the fence for a change that became known: whatever was fetched before no longer stands."""
        return self._write(slot, int(self._wall()) & 0xFFFF_FFFF)

    def _write(self, slot: int, moment: int) -> float:
        self._words[slot] = self._random() << 32 | moment
        return self.tokens[slot]

    def _random(self) -> int:
        """Draw the upper half of a token, which makes it a normal number or not."""
        while True:
            bits = int.from_bytes(self._entropy(4), "little")
            if 0 < bits & _EXPONENT < _EXPONENT:
                return bits

    @staticmethod
    def feed(scope: str) -> int:
        """Find the word that says when a webhook of this scope was last verified."""
        return _hash(scope, "") % _FEEDS

    def feed_heard(self, feed: int) -> None:
        """Note for every process that a webhook was verified just now."""
        self._words[feed] = int(self._wall())

    def feed_silence(self, feed: int) -> float:
        """Count the seconds since any process verified a webhook; infinite if none ever did."""
        heard = self._words[feed]
        silence = self._wall() - heard if heard else float("inf")
        return silence if silence >= -1 else float("inf")  # a moment in the future is no evidence of anything

    def settling(self, token: float, within: float) -> bool:
        """Say whether a change became known within the last seconds, so that Stripe's list may lag behind it."""
        moment = raised_at(token)
        return moment > 0 and self._wall() - moment <= within  # a time in the future counts as now


def _hash(scope: str, customer: str) -> int:
    from hashlib import blake2b  # noqa: PLC0415 - it loads OpenSSL, which whoever only imports us can do without

    prefix = scope.encode()
    text = b"%d:%b%b" % (len(prefix), prefix, customer.encode())  # the length keeps two names from running into one
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def raised_at(token: float) -> int:
    """Read the coarse wall time of the change that raised a token; 0 when no change was known."""
    moment: int = _BITS.unpack(_FLOAT.pack(token))[0] & 0xFFFF_FFFF
    return moment


_shared: Fences | None = None


def shared_fences() -> Fences:
    """Give this process's table, made on first use and inherited by every fork.

    All instances of a process share it, so that a webhook handled through one of them is seen by the others.
    """
    global _shared  # noqa: PLW0603 - one table a process is the point
    with first_load:  # two tables would be two truths
        if _shared is None:
            _shared = Fences()
        return _shared
