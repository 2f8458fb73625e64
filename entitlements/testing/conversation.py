"""One connection through the fault proxy: a client, a server, and what becomes of the bytes between them."""

from __future__ import annotations

import contextlib
import enum
import errno
import selectors
import socket
import struct
from typing import TYPE_CHECKING, Final, Literal

from entitlements.clocks import real_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.testing.flow import Flow
    from entitlements.testing.swap import Swap
    from entitlements.testing.watch import Watch

__all__ = ["Address", "Conversation", "Side"]

Side = Literal["client", "server", "both"]
Address = tuple[socket.AddressFamily, tuple[object, ...]]

_CHUNK: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing resets
_UNDER_WAY: Final = {0, errno.EINPROGRESS, errno.EWOULDBLOCK}


class _Line(enum.Enum):
    WELL = enum.auto()
    DARK = enum.auto()  # whatever is said is lost
    STALLED = enum.auto()  # nothing is passed on, and nothing is lost


class Conversation:
    """A pair of connections, of a client with the proxy and of the proxy with the server.

    Attributes:
        up: what the client says.
        down: what the server says.
        closed: there is nothing to be done here any more.
    """

    def __init__(self, client: socket.socket, up: Flow, down: Flow, *, watch: Watch, swap: Swap) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.up = up
        self.down = down
        self.closed = False
        self._client = client
        self._server: socket.socket | None = None
        self._connected = False
        self._addresses: list[Address] = []
        self._watch = watch
        self._swap = swap
        self._line = _Line.WELL
        self._broken = False
        self._asked = False  # the client spoke since its server last did
        self._swapped_with: Conversation | None = None

    # --- what can befall it ------------------------------------------------------------------------------------------

    def slow(self, delay: float, jitter: float) -> None:
        self.up.slow(delay, jitter)
        self.down.slow(delay, jitter)

    def go_dark(self) -> None:
        self._line = _Line.DARK
        self.up.clear()
        self.down.clear()

    def stall(self) -> None:
        self._line = _Line.STALLED

    def hang_up(self, side: Side) -> None:
        """Tell whoever listens there that this is the end; what still comes for them is read and thrown away."""
        self._let_through()
        if side != "server":
            self.down.hang_up()
        if side != "client":
            self.up.hang_up()

    def drop(self) -> None:
        """Hang up on both; a server that was not reached yet never is."""
        self.hang_up("both")
        if not self._connected:
            self._let_the_server_go()
            self.down.ended = True

    def reset(self) -> None:
        """Reset both connections; whatever was under way is lost."""
        for sock in filter(None, (self._client, self._server)):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def heal(self) -> None:
        self.up.heal()
        self.down.heal()
        self._let_through()

    def _let_through(self) -> None:
        self._line = _Line.WELL
        if self._broken:  # one side went while nothing got through: now the other hears of it
            self.reset()

    def swap_with(self, other: Conversation) -> None:
        """Let each client have what the other's server says, until it asks for something else."""
        self._swapped_with, other._swapped_with = other, self
        self.down.exchange(other.down)

    # --- its life ----------------------------------------------------------------------------------------------------

    def dial(self, addresses: Sequence[Address]) -> None:
        """Connect to the first address that can be reached, unless this one is over already."""
        if not self.closed and not self.down.ended:
            self._addresses = list(addresses)
            self._dial()

    def _dial(self) -> None:
        while self._addresses:
            self._server = _called(*self._addresses.pop(0))
            if self._server is not None:
                return
        self._break()

    def _dialled(self, server: socket.socket) -> None:
        if server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            self._connected = True
            return
        self._let_the_server_go()
        self._dial()

    def _break(self) -> None:
        """One side is gone: so is the other, unless nothing gets through just now."""
        if self._line is _Line.WELL:
            self.reset()
        self._broken = True

    def move(self, now: float) -> None:
        """Pass on what is due, and watch for what comes next."""
        if self.closed:
            return
        if self._line is _Line.WELL:
            self._pass_on(now)
        self._listen()

    def _pass_on(self, now: float) -> None:
        try:
            if self._server is not None and self._connected:
                self.up.pass_on(self._server, now)
            self.down.pass_on(self._client, now)
            if self.down.cut:
                self.drop()
        except OSError:
            self.reset()
            return
        if self.up.ended and self.down.ended and self.down.empty and (self.up.empty or self._server is None):
            self.close()

    @property
    def moment(self) -> float | None:
        """Give the moment at which something is to be passed on; `None` if there is nothing to wait for."""
        if self.closed or self._line is not _Line.WELL:
            return None
        flows = (self.up, self.down) if self._connected else (self.down,)
        return min((moment for flow in flows if (moment := flow.moment) is not None), default=None)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.up.close()
            self.down.close()
            self._watch.let_go(self._client)
            self._let_the_server_go()

    def _let_the_server_go(self) -> None:
        server, self._server, self._connected = self._server, None, False
        if server is not None:
            self._watch.let_go(server)

    # --- listening ---------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self.closed:
            return
        well = self._line is _Line.WELL
        self._watch.put(
            self._client,
            self._on_client,
            read=not (self.up.ended or self.up.full),
            write=well and self.down.blocked,
        )
        if self._server is not None:
            self._watch.put(
                self._server,
                self._on_server,
                read=self._connected and not (self.down.ended or self._answered.full),
                write=not self._connected or (well and self.up.blocked),
            )

    @property
    def _answered(self) -> Flow:
        """Tell where to what the server says goes."""
        return self.down if self._swapped_with is None else self._swapped_with.down

    def _on_client(self, events: int) -> None:
        self.down.blocked = False
        if events & selectors.EVENT_READ:
            said = self._heard(self._client, self.up)
            if said and self._line is _Line.WELL:
                self._asked, self._swapped_with = True, None
            self._take(said, self.up)

    def _on_server(self, events: int) -> None:
        if self._server is None:
            return
        if not self._connected:
            self._dialled(self._server)
            return
        self.up.blocked = False
        if events & selectors.EVENT_READ:
            said = self._heard(self._server, self.down)
            if said and self._asked and self._line is _Line.WELL:
                self._asked = False
                self._swap.begins(self)
            self._take(said, self._answered)

    def _heard(self, speaker: socket.socket, flow: Flow) -> bytes | None:
        """Hear what somebody says: nothing at all is the end, `None` that there is nothing to be done."""
        try:
            said = speaker.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            flow.ended = True
            self._break()
            return None
        flow.ended = not said
        return said

    def _take(self, said: bytes | None, flow: Flow) -> None:
        if said is not None and not (said and self._line is _Line.DARK):
            flow.put(said, real_now())


def _called(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket | None:
    """Begin to connect; `None` where that failed at once."""
    try:
        server = socket.socket(family, socket.SOCK_STREAM)
    except OSError:  # there are no more descriptors, or no such family
        return None
    server.setblocking(False)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if server.connect_ex(address) in _UNDER_WAY:
        return server
    server.close()
    return None
