"""A scripted Stripe on a real socket of this machine: it answers, drips, hangs, resets and cuts off, as told.

    with WireServer() as server:
        server.then(Answer({"object": "list", "data": [], "has_more": False}), Hang())
        ...                                   # two requests: one answered, one left hanging
        server.requests[0].query              # {"customer": "cus_1", "limit": "100"}
        server.connections                    # how many were opened

`then` queues one act for each request to come; `always` says what answers when the queue is empty: an act, or a
function from the request to one. `Held` waits for an event, so that a test decides when an answer comes. Nothing here
sleeps for a fixed time, and `close` ends whatever hangs.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

__all__ = ["Act", "Answer", "Cut", "Drip", "Hang", "Held", "Raw", "Reset", "Seen", "WireServer", "page"]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Act(Protocol):
    """What to do about one request; returns whether the connection stays open."""

    def play(self, to: socket.socket, stop: threading.Event) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """An answer, whole and at once; `hang_up` closes the connection after it without a word."""

    body: object = field(default_factory=dict[str, object])
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hang_up: bool = False

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        to.sendall(self.head() + self.content())
        return not (self.hang_up or self.headers.get("Connection") == "close")

    def head(self) -> bytes:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(self.content())), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Drip:
    """An answer whose header or body comes a byte at a time, each one resetting a read timeout."""

    answer: Answer
    part: str = "body"
    every: float = 0.02

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        head, content = self.answer.head(), self.answer.content()
        if self.part == "body":
            to.sendall(head)
        slowly = content if self.part == "body" else head + content
        for index in range(len(slowly)):
            if stop.wait(self.every):
                return False
            to.sendall(slowly[index : index + 1])
        return True


@dataclass(frozen=True)
class Hang:
    """Nothing, for as long as the other side waits; `after` is sent first."""

    after: bytes = b""

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        to.sendall(self.after)
        with contextlib.suppress(OSError):
            to.recv(1)  # returns when the other side gives up, or when the server closes
        return False


@dataclass(frozen=True)
class Held:
    """An act that waits for an event first; `begun` is set when the request has arrived."""

    act: Act
    released: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        self.begun.set()
        while not self.released.wait(0.01):
            if stop.is_set():
                return False
        return self.act.play(to, stop)


@dataclass(frozen=True)
class Reset:
    """The connection is reset, after `first` was sent."""

    first: bytes = b""

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        to.sendall(self.first)
        to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


@dataclass(frozen=True)
class Cut:
    """An answer that ends in the middle of its body."""

    answer: Answer
    after: int

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        to.sendall(self.answer.head() + self.answer.content()[: self.after])
        return False


@dataclass(frozen=True)
class Raw:
    """These very bytes, and the end."""

    sent: bytes

    def play(self, to: socket.socket, stop: threading.Event) -> bool:
        to.sendall(self.sent)
        return False


class WireServer:
    """Serve the script on a port of its own, one thread to a connection."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host = host
        self._tls = tls
        self._stop = threading.Event()
        self._script: deque[Act] = deque()
        self._otherwise: Callable[[Seen], Act] = lambda _: Answer({"error": {"message": "unscripted"}}, status=400)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.requests: list[Seen] = []
        self.connections = 0
        self._listener = socket.create_server((host, port), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def then(self, *acts: Act) -> Self:
        """Queue one act for each of the requests to come."""
        self._script.extend(acts)
        return self

    def always(self, act: Act | Callable[[Seen], Act]) -> Self:
        """Say what answers when the queue is empty."""
        self._otherwise = act if callable(act) else lambda _: act
        return self

    def drop_connections(self) -> None:
        """Close every open connection from this side."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="wire-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.append(connection)
            self._spawn(functools.partial(self._serve, connection, number))

    def _serve(self, connection: socket.socket, number: int) -> None:
        raw = connection
        try:
            if self._tls is not None:
                connection = self._handshaken(raw)
            with contextlib.suppress(OSError), connection.makefile("rb") as reader:
                while (request := self._read(reader, number)) is not None:
                    if not self._act(request).play(connection, self._stop):
                        return
        except (OSError, ValueError):  # gone, or talking something else
            return
        finally:
            connection.close()
            raw.close()

    def _handshaken(self, raw: socket.socket) -> socket.socket:
        if self._tls is None:
            raise RuntimeError("no TLS was asked for")
        tls = self._tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.append(tls)
        try:
            tls.do_handshake()
        except OSError:
            tls.close()
            raise
        return tls

    def _act(self, request: Seen) -> Act:
        with self._lock:
            self.requests.append(request)
            act = self._script.popleft() if self._script else None
        return act or self._otherwise(request)

    @staticmethod
    def _read(reader: BinaryIO, number: int) -> Seen | None:
        line = reader.readline(65_536)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = http.client.parse_headers(reader)
        body = reader.read(int(headers.get("Content-Length", "0")))
        parts = urlsplit(target)
        lower = {name.lower(): value for name, value in headers.items()}
        return Seen(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), lower, body, number)


def page(*items: object, has_more: bool = False, url: str = "/v1/things", **more: object) -> dict[str, object]:
    """Make a list's envelope."""
    return {"object": "list", "data": list(items), "has_more": has_more, "url": url, **more}
