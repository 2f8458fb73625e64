"""The ways in which a process is started: as a script, by a fork, or by `multiprocessing`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fork", "Process", "Run", "Started"]

_WORKER = Path(__file__).with_name("process_worker.py")


class Process(Protocol):
    """A process that was started, in whatever way."""

    def kill(self) -> None: ...

    def exit_code(self) -> int | None: ...


class Run:
    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen([sys.executable, str(_WORKER), *arguments])
        self.kill = self._process.kill
        self.exit_code = self._process.poll


class Fork:
    def __init__(self, job: Callable[[], object]) -> None:
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                job()
                code = 0
            except BaseException:  # noqa: BLE001 - told, then gone: the parent's frames are none of the child's business
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(code)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def exit_code(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


class Started:
    def __init__(self, method: str, job: Callable[..., object], *arguments: object) -> None:
        self._process = multiprocessing.get_context(method).Process(target=job, args=arguments)  # type: ignore[attr-defined]  # one of its methods
        self._process.start()
        self.kill = self._process.kill

    def exit_code(self) -> int | None:
        code: int | None = self._process.exitcode
        return code
