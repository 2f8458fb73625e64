"""A TCP proxy that does to a connection what networks do, on request."""

from __future__ import annotations

import math
import random as _random
from typing import TYPE_CHECKING, Final, Self

from entitlements.errors import InvalidInput
from entitlements.testing.relay import Fault, Relay
from entitlements.testing.target import Target, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.testing.conversation import Conversation, Side

__all__ = ["FaultProxy"]

_FATE: Final = "fate"  # the faults of this kind take each other's place; the other kinds add up


class FaultProxy:
    """Stand between a client and a server, whatever they speak, and fail in the way a test asks for.

    Use it where a fault has to be in the connection itself: a link that dies without a word, a reset, an answer that
    drips. It begins as a plain proxy. A fault is in force when the method returns, on connections already open too,
    and until `heal`; with `times=n` it strikes the next n connections instead, and no open one. `drop`, `reset`,
    `black_hole`, `stall`, `half_close` and `refuse` take each other's place; `latency`, `drip`, `cut` and
    `swap_replies` add to whatever else stands. Any thread may ask for one while traffic flows.

    Connecting always succeeds, except under `refuse`; a server that can't be reached resets the client. TLS passes
    through as it is, so the certificate has to be good for the proxy's address.

    Args:
        target: the server, as `(host, port)` or as a URL; it need not be there yet.
        host: the address to listen on: this machine only, unless told otherwise.
        port: the port to listen on; 0 lets the system choose.
        random: numbers from 0 to 1, for the jitter.

    Attributes:
        address: where the proxy listens, `(host, port)`.
        url: the target's URL with the proxy's address in it; an http one for a target given as a pair.

    Raises:
        InvalidInput: `target` is no address, or a number given to a method can't be right.
        OSError: the port is taken, or the target's name can't be resolved.

    >>> import socket
    >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
    ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
    ...         client.sendall(b"PING")
    ...         peer.recv(100), (proxy.connections, proxy.bytes_up, proxy.bytes_down)
    (b'PING', (1, 4, 0))
    """

    def __init__(
        self,
        target: tuple[str, int] | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._target = Target(target)
        self._relay = Relay(host, port, self._target.addresses(), random)
        self.address = self._relay.address
        self.url = self._target.url_at(self.address)

    # --- what a network does -----------------------------------------------------------------------------------------

    def latency(self, seconds: float, *, jitter: float = 0.0, times: int | None = None) -> None:
        """Pass everything on some seconds later, give or take the jitter, in each direction and in its order.

        A question and its answer take twice that together. Hanging up is as late as everything else; connecting isn't.

        >>> import socket
        >>> from time import monotonic
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.latency(0.05)
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         began = monotonic()
        ...         peer.sendall(b"late")
        ...         client.recv(100), monotonic() - began >= 0.05
        (b'late', True)
        """
        _check("latency", seconds, jitter)
        self._befall("latency", lambda each: each.slow(seconds, jitter), times)

    def drop(self, *, times: int | None = None) -> None:
        """Hang up: accept, and end the connection without a byte.

        Both sides read the end of the stream (a FIN, never a reset), what is under way is lost, and what they still
        say is read and thrown away until they hang up too. For a new connection the server is not even called.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.drop()
        ...     with socket.create_connection(proxy.address) as client:
        ...         client.sendall(b"hello?")
        ...         client.recv(100)
        b''
        """
        self._befall(_FATE, lambda each: each.drop(), times)

    def black_hole(self, *, times: int | None = None) -> None:
        """Lose every byte in both directions, also those under way, and close nothing: a link that is half open.

        Sending succeeds, nothing arrives, nobody hears that the other has hung up, and a new connection reaches the
        server in silence. What was swallowed stays lost: after `heal` an open connection goes on with the next byte,
        and hears then if the other side went meanwhile. `stall` is the fault that loses nothing.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         proxy.black_hole()
        ...         peer.sendall(b"lost")
        ...         proxy.heal()
        ...         peer.sendall(b"found")
        ...         client.recv(100)
        b'found'
        """
        self._befall(_FATE, lambda each: each.go_dark(), times)

    def stall(self, *, times: int | None = None) -> None:
        """Stand still, as a stopped process does: nothing is read, nothing is lost, and `heal` delivers it late.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         proxy.stall()
        ...         peer.sendall(b"kept")
        ...         proxy.heal()
        ...         client.recv(100)
        b'kept'
        """
        self._befall(_FATE, lambda each: each.stall(), times)

    def reset(self, *, times: int | None = None) -> None:
        """Reset both sides of open connections, and new ones as they are accepted; what is under way is lost.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         proxy.reset()
        ...         client.recv(100)
        Traceback (most recent call last):
        ...
        ConnectionResetError: [Errno ...] Connection reset by peer
        """
        self._befall(_FATE, lambda each: each.reset(), times)

    def drip(self, bytes_per_second: float, *, times: int | None = None) -> None:
        """Pass on what the server says a byte at a time, so that no read timeout ever fires; the client isn't slowed.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.drip(bytes_per_second=2)
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         peer.sendall(b"+PONG")
        ...         client.recv(100)
        b'+'
        """
        _check("bytes_per_second", bytes_per_second)
        if bytes_per_second == 0:
            raise InvalidInput("bytes_per_second is 0: give a number above it, or use black_hole() or stall()")
        self._befall("drip", lambda each: each.down.drip(1 / bytes_per_second), times)

    def cut(self, after: int, *, times: int | None = None) -> None:
        """Hang up on both sides once so many bytes of what the server says were passed on.

        They are counted from now, or from the beginning of a new connection. With 0 the client hears nothing, and is
        hung up on when the server begins to speak.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.cut(after=4)
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         peer.sendall(b"+PONG")
        ...         client.recv(100), client.recv(100)
        (b'+PON', b'')
        """
        _check_count("after", after, least=0)
        self._befall("cut", lambda each: each.down.allow(after), times)

    def half_close(self, side: Side = "client", *, times: int | None = None) -> None:
        """Hang up on one side, and go on listening to it.

        The client reads the end of the stream at once, and what it says still reaches the server, whose answers are
        thrown away; the other way round for `"server"`. With `"both"` nothing gets through either way. Hanging up
        can't be taken back: after `heal` it is new connections that are whole.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     with socket.create_connection(proxy.address) as client, server.accept()[0] as peer:
        ...         proxy.half_close()
        ...         client.sendall(b"still here")
        ...         client.recv(100), peer.recv(100)
        (b'', b'still here')
        """
        if side not in {"client", "server", "both"}:
            raise InvalidInput(f"side is {side!r}: give 'client', 'server' or 'both'")
        self._befall(_FATE, lambda each: each.hang_up(side), times)

    def swap_replies(self, times: int = 1) -> None:
        """Give the next reply to the wrong client: two that are in flight on different connections are swapped.

        The first is held until another begins elsewhere, or until `heal` gives it to its own client. A reply is what
        a server says after its client spoke, until that client speaks again. `times` counts pairs.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.swap_replies()
        ...     with (
        ...         socket.create_connection(proxy.address) as alice, server.accept()[0] as to_alice,
        ...         socket.create_connection(proxy.address) as bob, server.accept()[0] as to_bob,
        ...     ):
        ...         for client, peer, reply in ((alice, to_alice, b"for alice"), (bob, to_bob, b"for bob")):
        ...             client.sendall(b"?")
        ...             _ = peer.recv(100), peer.sendall(reply)
        ...         alice.recv(100), bob.recv(100)
        (b'for bob', b'for alice')
        """
        _check_count("times", times, least=1)
        self._relay.swap(times)

    def refuse(self) -> None:
        """Let nobody listen: connecting is refused, and open connections are reset, as if the server had died.

        The port stays ours, and `heal` listens again at the same address.

        >>> import socket
        >>> with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()) as proxy:
        ...     proxy.refuse()
        ...     socket.create_connection(proxy.address)
        Traceback (most recent call last):
        ...
        ConnectionRefusedError: [Errno ...] Connection refused
        """
        self._relay.refuse(_FATE)

    def heal(self) -> None:
        """End every fault. Open connections flow again, and what was held back is passed on at once.

        What was lost stays lost, and a connection that was ended stays ended.
        """
        self._relay.heal()

    # --- what passed -------------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """Count the connections accepted so far."""
        self._relay.settle()
        return self._relay.connections

    @property
    def bytes_up(self) -> int:
        """Count the bytes passed on to the server."""
        self._relay.settle()
        return self._relay.up.total

    @property
    def bytes_down(self) -> int:
        """Count the bytes passed on to clients."""
        self._relay.settle()
        return self._relay.down.total

    def close(self) -> None:
        """Close the port and every connection; safe to call twice, from any thread."""
        self._relay.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"FaultProxy({joined(*self.address)} -> {self._target})"

    def _befall(self, kind: str, strike: Callable[[Conversation], object], times: int | None) -> None:
        if times is not None:
            _check_count("times", times, least=1)
        self._relay.befall(kind, Fault(strike, times))


def _check(name: str, *values: float) -> None:
    for value in values:
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InvalidInput(f"{name} was given {value!r:.60}: give a number, 0 or above")


def _check_count(name: str, value: int, *, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise InvalidInput(f"{name} is {value!r:.60}: give a whole number, {least} at least")
