"""Plain sockets on both sides of something that stands between them, and what each of them reads."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.testing import FaultProxy

__all__ = ["Ends", "Pair", "whole"]

_PATIENCE = 5.0


@dataclass
class Pair:
    """A client, and the server's end of its connection."""

    client: socket.socket
    peer: socket.socket

    def __iter__(self) -> Iterator[socket.socket]:
        return iter((self.client, self.peer))


class Ends:
    """A server of plain sockets and its clients, all closed at the end."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self.listener = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listener.settimeout(_PATIENCE)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listener.getsockname()
        return host, port

    def call(self, proxy: FaultProxy) -> socket.socket:
        """Connect to the proxy."""
        return self._open.enter_context(socket.create_connection(proxy.address, timeout=_PATIENCE))

    def accept(self) -> socket.socket:
        """Take the next connection that reached the server."""
        peer, _ = self.listener.accept()
        peer.settimeout(_PATIENCE)
        return self._open.enter_context(peer)

    def pair(self, proxy: FaultProxy) -> Pair:
        """Connect through the proxy."""
        client = self.call(proxy)
        return Pair(client, self.accept())

    @property
    def called(self) -> bool:
        """Say whether a connection waits to be accepted."""
        self.listener.settimeout(0)
        try:
            self.accept()
        except BlockingIOError:
            return False
        finally:
            self.listener.settimeout(_PATIENCE)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def whole(sock: socket.socket) -> bytes:
    """Read to the end of the stream."""
    said = b""
    while piece := sock.recv(1 << 16):
        said += piece
    return said
