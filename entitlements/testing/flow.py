"""Bytes on their way in one direction, each piece with the moment from which it may be passed on."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Flow", "Meter"]

_ROOM: Final = 1 << 18  # bytes under way at most; then whoever speaks has to wait, as on any connection
_END: Final = b""  # the piece after the last: whoever speaks has hung up


@dataclass
class Meter:
    """Count the bytes passed on in one direction, on all connections."""

    total: int = 0


class Flow:
    """One direction of one connection.

    Attributes:
        ended: whoever speaks has hung up; nothing more will come.
        deaf: whoever listens has been, or is being, hung up on; what still comes is thrown away.
        held: nothing is passed on until somebody decides what becomes of it.
        blocked: whoever listens takes no more just now.
        cut: as many bytes were passed on as were allowed.
    """

    def __init__(self, meter: Meter, random: Callable[[], float]) -> None:
        self._meter = meter
        self._random = random
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._next_byte = 0.0
        self.ended = self.deaf = self.held = self.blocked = False
        self._told = False
        self.heal()

    def heal(self) -> None:
        """Pass everything on at once from now on, what is still under way first."""
        self._delay = self._jitter = self._pace = self._next_byte = 0.0
        self._left: int | None = None
        self.cut = self.held = False
        self._pieces = deque((0.0, piece) for _, piece in self._pieces)

    def slow(self, delay: float, jitter: float) -> None:
        self._delay, self._jitter = delay, jitter

    def drip(self, pace: float) -> None:
        """Pass on one byte in so many seconds."""
        self._pace = pace

    def allow(self, count: int) -> None:
        """Pass on so many bytes, counted from now; `cut` says when they are used up."""
        self._left, self.cut = count, False

    def put(self, piece: bytes, now: float) -> None:
        """Take in what was said; nothing means that whoever spoke has hung up."""
        if self.deaf:
            return
        shift = (2.0 * self._random() - 1.0) * self._jitter
        self._pieces.append((now + self._delay + shift, piece))  # what is due sooner still waits for those before it
        self._size += len(piece)

    def clear(self) -> None:
        """Lose the bytes under way; that somebody has hung up is not lost."""
        self._pieces = deque(each for each in self._pieces if each[1] == _END)
        self._size = 0

    def hang_up(self) -> None:
        """Tell whoever listens that this is the end, at once, and throw away whatever else is said."""
        self.deaf, self.held, self.blocked, self.cut = True, False, False, False
        self._left, self._size = None, 0
        self._pieces = deque() if self._told else deque([(0.0, _END)])

    def close(self) -> None:
        """Throw everything away, from here on."""
        self.deaf, self._size = True, 0
        self._pieces.clear()

    def exchange(self, other: Flow) -> None:
        """Give what is under way here to the other's listener, and the other way round."""
        self._pieces, other._pieces = other._pieces, self._pieces
        self._size, other._size = other._size, self._size
        self.held = other.held = False

    @property
    def full(self) -> bool:
        return self._size >= _ROOM

    @property
    def empty(self) -> bool:
        return not self._pieces

    @property
    def moment(self) -> float | None:
        """Give the moment at which something can be passed on; `None` if there is nothing to wait for."""
        if not self._pieces or self.held or self.blocked:
            return None
        due, piece = self._pieces[0]
        return max(due, self._next_byte) if piece else due

    def pass_on(self, listener: socket.socket, now: float) -> None:
        """Pass on what is due.

        Raises:
            OSError: whoever listens is gone.
        """
        self.blocked = False
        while not self.cut and (moment := self.moment) is not None and moment <= now:
            if self._pieces[0][1] == _END:
                self._tell_the_end(listener)
            elif self._left == 0:
                self.cut = True
            else:
                self._send(listener, now)

    def _send(self, listener: socket.socket, now: float) -> None:
        due, piece = self._pieces[0]
        try:
            sent = listener.send(piece[: self._most()])
        except BlockingIOError:
            self.blocked = True
            return
        self._pieces.popleft()
        if sent < len(piece):
            self._pieces.appendleft((due, piece[sent:]))
        self._size -= sent
        self._meter.total += sent
        self._next_byte = now + self._pace
        if self._left is not None:
            self._left -= sent
            self.cut = self._left == 0

    def _most(self) -> int | None:
        return 1 if self._pace else self._left

    def _tell_the_end(self, listener: socket.socket) -> None:
        self._pieces.clear()
        self._told = self.deaf = True
        listener.shutdown(socket.SHUT_WR)
