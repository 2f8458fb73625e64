"""A uvicorn server on a loopback port, in a thread, that starts and stops at once."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Scope

__all__ = ["HOST", "Server", "bind"]

HOST = "127.0.0.1"  # never anything but loopback
_BACKLOG = 2_048
_KEEP_ALIVE = 600  # seconds an idle connection is kept: no client should meet a door that closes as it knocks
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing resets


def bind(port: int = 0) -> socket.socket:
    """Take a loopback port, one of the system's choice for 0."""
    # The protocol by name: asyncio turns Nagle off only where it reads TCP, and 40 ms a request hang on that.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"can't listen on {HOST}:{port}: {error.strerror}; choose another port, or 0"
        ) from error
    return listener


class Server:
    """Serve an application from a thread until stopped; it doesn't start twice."""

    def __init__(self, build: Callable[[Server], ASGIApp]) -> None:
        self._serving = _Serving(build(self))
        self._thread: threading.Thread | None = None

    def start(self, listener: socket.socket) -> None:
        """Serve on a listening socket; return once requests are accepted."""
        self._thread = threading.Thread(target=self._run, args=(listener,), name="stripe-emulator", daemon=True)
        self._thread.start()
        self._serving.ready.wait()

    def _run(self, listener: socket.socket) -> None:
        try:
            self._serving.run([listener])
        finally:
            self._serving.ready.set()  # also when it could not start: nobody waits for what won't come

    def stop(self) -> None:
        """Close the port and every connection, whatever is in flight, and wait for the thread."""
        if self._thread is None:
            return
        self._serving.finish()
        self._thread.join()
        self._thread = None

    def hang_up(self, scope: Scope) -> None:
        """Reset the connection that a request came in by."""
        transport = self.transport(scope)
        if transport is not None:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def transport(self, scope: Scope) -> asyncio.Transport | None:
        """Find the connection that a request came in by, to write on it directly."""
        connections = list(self._serving.server_state.connections)
        return next((each.transport for each in connections if getattr(each, "client", None) == scope["client"]), None)


class _Serving(uvicorn.Server):
    """Uvicorn without its ticks and naps: they cost 0.2 s a stop, and never end where a test has frozen time."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,  # an embedded server leaves the process's logging alone
                access_log=False,
                server_header=False,
                date_header=False,  # it would be written by the ticks
                timeout_keep_alive=_KEEP_ALIVE,
            )
        )
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        self.ready.set()
        await self._over.wait()

    def finish(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own farewell
