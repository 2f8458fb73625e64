"""Real servers of a Django project on loopback, each a process of its own: runserver, gunicorn and uvicorn.

with served("gunicorn", "django_site", STRIPE_API_KEY=...) as port: ...
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from controlled import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SERVERS", "reserved", "served"]

SERVERS = ("runserver", "gunicorn", "uvicorn")
_HERE = Path(__file__).parent
_PATIENCE = 30.0


@contextmanager
def reserved() -> Iterator[socket.socket]:
    """Reserve an address, so that it is known before a server serves there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.set_inheritable(True)
        yield listener


@contextmanager
def served(server: str, listener: socket.socket, **environment: str) -> Iterator[int]:
    """Serve the project on a reserved address until the end; give the port."""
    port = listener.getsockname()[1]
    if server == "runserver":  # it takes no socket, and listens by itself
        listener.close()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    paths = {"PYTHONPATH": os.pathsep.join([str(_HERE), str(_HERE.parent.parent)])}
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *_command(server, port, listener)],
            env={**inherited, **paths, "DJANGO_SETTINGS_MODULE": "django_site", **environment},
            pass_fds=() if server == "runserver" else [listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: process.poll() is not None or _answers(port), seconds=_PATIENCE)
            log.seek(0)
            assert process.poll() is None, log.read().decode()
            yield port
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _command(server: str, port: int, listener: socket.socket) -> list[str]:
    if server == "runserver":
        return ["django", "runserver", "--noreload", f"127.0.0.1:{port}"]
    if server == "gunicorn":
        return ["gunicorn", "--bind", f"fd://{listener.fileno()}", "--no-control-socket", "django_site:wsgi"]
    return ["uvicorn", "--fd", str(listener.fileno()), "--lifespan", "off", "django_site:asgi"]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /who HTTP/1.0\r\nHost: x\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False
