"""Fences: one shared table of tokens that says which answers still stand.

An answer is good while the token it was fetched behind is the token of its stripe now. Invalidating writes a fresh
random token: nothing is deleted, counted, locked or ordered, so events may come twice, late or in any order. Two
customers on one stripe cost a fetch, never a wrong answer.

The table is anonymous shared memory: every process forked from this one sees the same words, with nothing to call. Or
it is a file (`fence_file`), and every process of this host sees them.
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

    from entitlements.cache.fence_file import FileFences

__all__ = [
    "IDENTITY",
    "SIZE",
    "STRIPES",
    "Fences",
    "fences_at",
    "raise_everywhere",
    "raised_at",
    "shared_fences",
    "tables",
]

_FLOAT: Final = struct.Struct("=d")
_BITS: Final = struct.Struct("=Q")
_EXPONENT: Final = 0x7FF0_0000  # the bits of a float's upper half that make it zero-like or NaN, if all alike

# The table, in words of eight bytes. Who changes a line of this changes the file's layout version too.
STRIPES: Final = 262_144  # 2 MiB of tokens
_HEADER: Final = 1024  # words before the first stripe: two pages
_FEEDS: Final = 256  # from 0, by scope: when a webhook was last verified, in whole seconds of wall time
_SWEEPS: Final = (256, 128)  # from, and how many; by scope: when a round of the sweep began, see `swept`
_BUDGETS: Final = (384, 30, 20)  # from, how many, and of how many words; by scope: its rate budget's latest turns
IDENTITY: Final = 1016  # from here to the first stripe: what a file says of itself
SIZE: Final = (_HEADER + STRIPES) * 8

# A sweep's word: 35 bits of tenths of seconds of wall time, 19 bits of tenths of seconds, 10 bits of its scope's hash.
_LONGEST: Final = 2**19 - 1
_TAG: Final = 2**10 - 1


def _wall() -> float:
    return time.time()  # looked up at each call, so that a test's frozen time is seen


class Fences:
    """A table of 64-bit tokens, one per stripe of customers.

    A token holds 32 random bits and 32 bits of coarse wall time: when a change became known, 0 when none did. The
    randomness comes from the system: the `random` module's state is copied by a fork.

    Tokens are written as integers and compared as floats, which the interpreter reads from shared memory in two thirds
    of the time. Every token is a normal number, neither zero nor NaN nor so small that a processor may take it for
    zero, and two normal floats are equal exactly when their bits are.

    Attributes:
        tokens: the table itself, to compare tokens with; see `on_move`.

    >>> fences = Fences()
    >>> slot = fences.slot("self/live", "cus_123")
    >>> before = fences.token(slot)
    >>> fences.raise_(slot) == before
    False
    """

    def __init__(
        self,
        memory: mmap.mmap | None = None,
        *,
        wall: Callable[[], float] | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._wall = wall or _wall
        self._entropy = entropy
        _hash("", "")  # loads what it needs here, before any thread of ours may be in the midst of loading it
        self._adopt(mmap.mmap(-1, SIZE) if memory is None else memory)

    def _adopt(self, memory: mmap.mmap) -> None:
        table = memoryview(memory)
        # A word is stored whole through a cast view; struct.pack_into was measured to tear.
        self._words = table.cast("Q")
        self.tokens = table.cast("d")

    # --- stripes -----------------------------------------------------------------------------------------------------

    @staticmethod
    def slot(scope: str, customer: str) -> int:
        """Find a customer's word in the table, the same in every process and release."""
        return _HEADER + _hash(scope, customer) % STRIPES

    def token(self, slot: int) -> float:
        """Read the token that a fetch begun now must note.

        Zero is never good, so that a new table may be all zeros: who sees it writes a fresh token. That one carries no
        time, or every cold customer would look like somebody who just bought something.
        """
        return self.tokens[slot] or self._first(slot)

    def raise_(self, slot: int, *, settled: bool = False) -> float:
        """Raise the fence for a change that became known: whatever was fetched before no longer stands.

        `settled` says that the change is older than Stripe's lists lag behind: its token carries no time but that of an
        earlier change, so that what is fetched next is trusted like anything else.
        """
        bits = self._random()  # first: who is held up while drawing must not write an older time over a newer one
        return self._write(slot, bits, raised_at(self.tokens[slot]) if settled else int(self._wall()) & 0xFFFF_FFFF)

    def raise_all(self) -> None:
        """Raise every fence: whatever was fetched before, by anybody, no longer stands."""
        # Zero is never good, and whoever sees it writes a fresh token without a time: that is a raise, at the price of
        # one copy. The copy isn't made word by word, so a reader may see a word half cleared. What it sees is either
        # what stood there before (a token whose cleared half was zero), which is to have looked a moment earlier; or a
        # number that no snapshot was ever fetched behind. Who notes that for a fetch finds it gone when the fetch
        # lands. A raise that comes in between may be cleared or half cleared in its turn, and no older token comes back
        # by that either.
        self._words[_HEADER:] = memoryview(bytes(STRIPES * 8)).cast("Q")

    def settling(self, token: float, within: float) -> bool:
        """Say whether a change became known within the last seconds, so that Stripe's list may lag behind it."""
        moment = raised_at(token)
        return moment > 0 and self._wall() - moment <= within  # a time in the future counts as now

    def _first(self, slot: int) -> float:
        bits = self._random()
        # Looked at again: a change that became known meanwhile has left its time there, for the settle window.
        return self.tokens[slot] or self._write(slot, bits, 0)

    def _write(self, slot: int, bits: int, moment: int) -> float:
        self._words[slot] = bits << 32 | moment
        return self.tokens[slot]

    def _random(self) -> int:
        """Draw the upper half of a token, which makes it a normal number or not."""
        while True:
            bits = int.from_bytes(self._entropy(4), "little")
            if 0 < bits & _EXPONENT < _EXPONENT:
                return bits

    # --- what every process knows of a scope -------------------------------------------------------------------------

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

    @staticmethod
    def sweep(scope: str) -> int:
        """Name a scope's sweep, for `swept` and `sweep_is_live`."""
        return _hash(scope, "")

    def swept(self, sweep: int, *, began: float, good_for: float) -> None:
        """Note for every process that a round of the sweep succeeded.

        Args:
            sweep: whose.
            began: when the round began, in seconds of wall time: what happened since then it may have missed.
            good_for: seconds from then on for which it shows that changes are followed; 14 hours at most.
        """
        at, room = _SWEEPS
        noted = self._words[at + sweep % room]
        if noted & _TAG == sweep >> 54 and began < (noted >> 29) / 10 <= self._wall() + 1:
            return  # a process that was held up comes late with less than is known by now
        lasting = min(int(good_for * 10), _LONGEST)
        # The scope is in the word: two that share it hide each other's rounds, and never speak for each other.
        self._words[at + sweep % room] = (int(began * 10) & 2**35 - 1) << 29 | lasting << 10 | sweep >> 54

    def sweep_is_live(self, sweep: int) -> bool:
        """Say whether any process follows Stripe's events by a sweep, so that changes become known without webhooks."""
        at, room = _SWEEPS
        word = self._words[at + sweep % room]
        age = self._wall() - (word >> 29) / 10
        # A moment in the future is no evidence of anything.
        return word & _TAG == sweep >> 54 and -1 <= age <= (word >> 10 & _LONGEST) / 10

    def budget(self, scope: str) -> memoryview[float]:
        """Give the twenty numbers in which the processes of this scope keep their rate budget; 0 in a new table.

        Two scopes may share them, and then a budget. They belong to the table as it is now: see `on_move`.
        """
        at, room, words = _BUDGETS
        first = at + _hash(scope, "") % room * words
        return self.tokens[first : first + words]

    # --- a table that has a name may be moved; memory without one stays where it is -----------------------------------

    def replaced(self) -> bool:
        """Say whether others who look for this table by now find another one."""
        return False

    def fall(self) -> None:
        """Void whatever rests on a table that was replaced; whoever asks next moves."""

    def reattach(self) -> None:
        """Move to the table that others find, if this was replaced."""

    def on_move(self, told: Callable[[], object]) -> None:
        """Have a bound method called when `tokens` has become another view; its object isn't kept alive by that.

        Ask for this before you read `tokens`, so that no move is missed.
        """


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
_at: Final[dict[str, FileFences]] = {}


def shared_fences() -> Fences:
    """Give this process's table, made on first use and inherited by every fork.

    All instances of a process share it, so that a webhook handled through one of them is seen by the others.
    """
    global _shared  # noqa: PLW0603 - one table a process is the point
    with first_load:  # two tables would be two truths
        if _shared is None:
            _shared = Fences()
        return _shared


def fences_at(directory: str | os.PathLike[str], *, boot: int | None = None) -> FileFences:
    """Give this host's table, kept as a file in a directory: one object a directory, in this process and its forks.

    Args:
        directory: on a local disk, this user's own; made if its parent is there.
        boot: what names this boot of the machine; the machine says without it.

    Raises:
        InvalidSettings: the directory or its file isn't as safe as it must be, or isn't this library's.
    """
    with first_load:  # and a fork waits: a child must not keep the file's lock for ever
        from entitlements.cache.fence_file import FileFences  # noqa: PLC0415 - needed only with a shared path
        from entitlements.cache.private_files import real_path  # noqa: PLC0415 - likewise

        where = real_path(directory)
        if where not in _at:
            _at[where] = FileFences(where, boot=boot)
        _at[where].reattach()
        return _at[where]


def raise_everywhere(slot: int, *, settled: bool = False) -> None:
    """Raise a fence in every table of this process: instances that share none of them all hear of a change."""
    for table in tables():
        table.raise_(slot, settled=settled)


def tables() -> list[Fences]:
    """List the tables that instances of this process rest on."""
    return [*([_shared] if _shared else []), *_at.values()]
