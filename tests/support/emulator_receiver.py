"""A webhook receiver on loopback: keeps what it was sent and answers what it is told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Received", "Receiver"]


@dataclass(frozen=True)
class Received:
    """One POST: its path, headers and body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signature(self) -> str:
        """Give the signature it carried."""
        return self.headers["Stripe-Signature"]


class Receiver:
    """Listen for webhooks; `statuses` are the answers to give first, 200 follows."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.received: list[Received] = []
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Give the address to send webhooks to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Received]:
        """Wait until so many have come; fail if they don't."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise AssertionError(f"{len(self.received)} of {count} webhooks came within {timeout} s")
            return list(self.received)

    def take(self, received: Received) -> int:
        """Keep a webhook and say what to answer."""
        with self.changed:
            self.received.append(received)
            self.changed.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the sender was killed."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = cast("_Server", self.server).receiver.take(Received(self.path, dict(self.headers), body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
