"""Sockets under watch, each with what is called when something can be done with it."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["Watch"]


class Watch:
    """A selector that forgets a socket before it is closed: the next one may have its number."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, int] = {}

    def put(
        self, sock: socket.socket, call: Callable[[int], object], *, read: bool = False, write: bool = False
    ) -> None:
        """Watch a socket for what is asked, and for that only."""
        events = selectors.EVENT_READ * read | selectors.EVENT_WRITE * write
        before = self._watched.get(sock, 0)
        if events == before:
            return
        if not events:
            self._forget(sock)
            return
        (self._selector.modify if before else self._selector.register)(sock, events, call)
        self._watched[sock] = events

    def wait(self, seconds: float | None) -> bool:
        """Wait for something to happen, and call whom it concerns; say whether anything did."""
        happened = self._selector.select(seconds)
        for key, events in happened:
            if key.fileobj in self._watched:  # unless an earlier call closed it
                key.data(events)
        return bool(happened)

    def let_go(self, sock: socket.socket) -> None:
        """Close a socket."""
        self._forget(sock)
        sock.close()

    def close(self) -> None:
        """Watch nothing any more. A forked child may do so too, without a trace in its parent."""
        self._watched.clear()
        self._selector.close()

    def _forget(self, sock: socket.socket) -> None:
        if self._watched.pop(sock, 0):
            self._selector.unregister(sock)
