"""A server in a process of its own that answers every byte with itself: its sockets aren't counted as the test's."""

from __future__ import annotations

import contextlib
import socketserver
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["echoing"]


@contextlib.contextmanager
def echoing() -> Iterator[tuple[str, int]]:
    """Give the address of such a server, for as long as it is needed."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.kill()


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while said := self.request.recv(65_536):
                self.request.sendall(said)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Echo) as server:
        print(server.server_address[1], flush=True)  # noqa: T201 - that is how it is known
        server.serve_forever()
