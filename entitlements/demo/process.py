"""The application as a process of its own: started, reached, and gone when the walk is over, however it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["ApplicationProcess"]

_HOST: Final = "127.0.0.1"
_FAREWELL: Final = 3.0  # seconds to end by itself
_TAIL: Final = 15  # lines


class ApplicationProcess:
    """Reserve an address, run the application there, and stop it.

    The address is known before the process runs, because Stripe must know where to send webhooks before the application
    can know by which secret they are signed. Requests that come early wait in the socket's backlog.
    """

    def __init__(self, module: str = "entitlements.demo.serve") -> None:
        self._module = module
        self._listener = socket.create_server((_HOST, 0))
        self.url: Final = f"http://{_HOST}:{self._listener.getsockname()[1]}"
        self._log: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed on exit
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, settings: Mapping[str, str]) -> int:
        """Start the application with these settings and no others of Stripe's; give the process's id."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
        handle = self._listener.fileno()
        with self._listener:  # from here on the socket is the child's alone: if it dies, knocking fails at once
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-m", self._module, str(handle)],
                env={**inherited, **settings},
                pass_fds=[handle],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the walk, which then stops the application in good order
            )
        return self._process.pid

    def stop(self) -> None:
        """End the process: by closing its stdin, or else by force."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 - a pipe, as asked for
        process.stdin.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_FAREWELL)
        finally:  # also after a second Ctrl-C: nothing may be left running
            process.kill()
            process.wait()

    def last_words(self) -> str:
        """Give the end of what the application logged."""
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-_TAIL:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        try:
            self.stop()
        finally:
            self._log.close()
