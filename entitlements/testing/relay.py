"""The fault proxy's one thread: it accepts, listens and passes on, and it alone touches what it works on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entitlements.clocks import real_now
from entitlements.testing.conversation import Conversation
from entitlements.testing.flow import Flow, Meter
from entitlements.testing.swap import Swap
from entitlements.testing.target import joined
from entitlements.testing.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.testing.conversation import Address

__all__ = ["Fault", "Relay"]

_BACKLOG: Final = 1_024
_TURNS: Final = 100
_CLOSED: Final = "this proxy is closed; make another"


@dataclass
class Fault:
    """What befalls a connection, and how many of those to come; `None` is all of them, and the open ones too."""

    strike: Callable[[Conversation], object]
    times: int | None = None

    def meet(self, conversation: Conversation) -> None:
        """Strike a connection that was just accepted, if it is one of those meant."""
        if self.times is None or self.times > 0:
            self.strike(conversation)
        if self.times is not None:
            self.times -= 1


class Relay:
    """Carry bytes between clients and a server, with faults."""

    def __init__(self, host: str, port: int, addresses: Sequence[Address], random: Callable[[], float]) -> None:
        self.up = Meter()
        self.down = Meter()
        self.connections = 0
        self._addresses = addresses
        self._random = random
        self._faults: dict[str, Fault] = {}
        self._swap = Swap()
        self._conversations: list[Conversation] = []
        self._orders: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._gate = threading.Lock()  # between those who give orders and the one who closes
        self._closed = False
        self._listener = _bound(host, port)
        self._watch = Watch()
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._watch.put(self._bell, self._answer_the_bell, read=True)
        self._listens = False
        self._refuses_as = ""
        self._listen()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._thread.start()

    # --- orders, from any thread -------------------------------------------------------------------------------------

    def befall(self, kind: str, fault: Fault) -> None:
        """Let a fault stand, in the place of one of its kind."""
        self._order(lambda: self._befall(kind, fault))

    def swap(self, pairs: int) -> None:
        """Swap so many pairs of replies from now on."""
        self._order(lambda: setattr(self._swap, "left", pairs))

    def refuse(self, kind: str) -> None:
        """Stop listening, and reset every connection, in the place of a fault of this kind."""
        self._order(lambda: self._refuse(kind))

    def heal(self) -> None:
        """End every fault."""
        self._order(self._heal)

    def settle(self) -> None:
        """Return when whatever has arrived by now was dealt with, and counted."""
        with contextlib.suppress(RuntimeError):  # closed, and so it was
            self._order(_nothing)

    def close(self) -> None:
        """Close everything; return when it is closed."""
        with self._gate:
            self._closed = True
            self._ring()
        self._thread.join()
        with self._gate:
            self._watch.close()
            for conversation in self._conversations:
                conversation.close()
            for sock in (self._listener, self._bell, self._ringer):
                sock.close()

    def _order(self, work: Callable[[], None]) -> None:
        done: Future[None] = Future()
        with self._gate:
            if self._closed or not self._thread.is_alive():  # a forked child has the sockets and no thread
                raise RuntimeError(_CLOSED)
            self._orders.append((work, done))
            self._ring()
        done.result()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full of rings not yet heard, or closed
            self._ringer.send(b"!")

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closed:
                self._watch.wait(self._pause())
                self._obey()
                self._move()
        finally:
            with self._gate:
                self._closed = True
                for _, done in self._orders:
                    done.set_exception(RuntimeError(_CLOSED))

    def _pause(self) -> float | None:
        moments = (talk.moment for talk in self._conversations)
        first = min((moment for moment in moments if moment is not None), default=None)
        return None if first is None else max(0.0, first - real_now())

    def _answer_the_bell(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4_096)

    def _obey(self) -> None:
        while self._orders:
            self._catch_up()
            work, done = self._orders.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - told to whoever gave the order
                done.set_exception(error)
            else:
                self._move()  # so that it is in force when the order returns
                done.set_result(None)

    def _catch_up(self) -> None:
        """Deal with what was said before an order was given; under steady traffic, with some of it."""
        for _ in range(_TURNS):
            self._move()
            if not self._watch.wait(0.0):
                return

    def _move(self) -> None:
        now = real_now()
        for conversation in self._conversations:
            conversation.move(now)
        self._conversations = [each for each in self._conversations if not each.closed]

    def _accept(self, _: int) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:  # nobody else is there
                return
            self.connections += 1
            up, down = Flow(self.up, self._random), Flow(self.down, self._random)
            conversation = Conversation(client, up, down, watch=self._watch, swap=self._swap)
            self._conversations.append(conversation)
            for fault in self._faults.values():
                fault.meet(conversation)
            conversation.dial(self._addresses)

    def _befall(self, kind: str, fault: Fault) -> None:
        if kind == self._refuses_as:
            self._listen()
        self._faults[kind] = fault
        if fault.times is None:
            for conversation in self._conversations:
                fault.strike(conversation)

    def _refuse(self, kind: str) -> None:
        self._watch.let_go(self._listener)
        self._listens, self._refuses_as = False, kind
        self._listener = _bound(*self.address)  # and deaf: nobody else gets the port
        for conversation in self._conversations:
            conversation.reset()

    def _listen(self) -> None:
        if not self._listens:
            self._listener.listen(_BACKLOG)
            self._listens = True
            self._watch.put(self._listener, self._accept, read=True)

    def _heal(self) -> None:
        self._listen()
        self._faults.clear()
        self._swap.stop()
        for conversation in self._conversations:
            conversation.heal()


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        where = joined(host, port)
        raise OSError(error.errno, f"can't listen on {where}: {error.strerror}; choose another port, or 0") from error
    return sock


def _nothing() -> None:
    """Do nothing, in turn."""
