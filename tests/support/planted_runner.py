"""Runs tests with a planted bug: a process that has loaded everything but the library, and forks for each bug.

Most of a short test run is spent loading pytest and what it brings. Here that is done once; the library itself is
loaded in the child, where the bug is planted as it is imported.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planted import Bug

__all__ = ["Bank", "Outcome", "Runner"]

ROOT: Final = Path(__file__).parent.parent.parent
_LOADED: Final = (
    "pytest",
    "hypothesis",
    "requests",
    "pydantic",
    "cachetools",
    "freezegun",
    "asyncio",
    "starlette.routing",
)
_LONGEST: Final = 120  # seconds for one bug's tests


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and what it printed."""

    returncode: int
    stdout: str


class Runner:
    """A process to ask for runs, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, bug: str, killed_by: str) -> Outcome:
        """Run some tests with a bug in the library."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([bug, killed_by]), file=self._process.stdin, flush=True)
        return Outcome(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


class Bank:
    """The runs of some bugs: begun at once, one core fewer at a time than there are, and asked for later."""

    def __init__(self, bugs: Sequence[Bug]) -> None:
        runners = [Runner() for _ in range(max((os.cpu_count() or 1) - 1, 1))] if bugs else []
        self._runners = runners
        self._free: SimpleQueue[Runner] = SimpleQueue()
        for runner in runners:
            self._free.put(runner)
        self._pool = ThreadPoolExecutor(max(len(runners), 1))
        self._runs = {bug.name: self._pool.submit(self._run, bug) for bug in bugs}

    def outcome(self, bug: Bug) -> Outcome:
        """Wait for a bug's run, and say how it ended."""
        return self._runs[bug.name].result()

    def close(self) -> None:
        """Begin no more, and let the processes end."""
        self._pool.shutdown(cancel_futures=True)
        for runner in self._runners:
            runner.close()

    def _run(self, bug: Bug) -> Outcome:
        runner = self._free.get()
        try:
            return runner.run(bug.name, bug.killed_by)
        finally:
            self._free.put(runner)


def main() -> None:
    """Run what is asked for on the standard input, until that ends."""
    os.nice(5)  # the suite beside it has clocks to keep
    for name in _LOADED:
        import_module(name)
    for line in sys.stdin:
        bug, killed_by = json.loads(line)
        sys.stdout.write(json.dumps(_run(bug, killed_by)) + "\n")
        sys.stdout.flush()


def _run(bug: str, killed_by: str) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if child == 0:
            _be_a_test_run(bug, killed_by, printed.fileno())
        status = _wait(child)
        printed.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read()


def _be_a_test_run(bug: str, killed_by: str, output: int) -> None:
    import pytest

    code = 99
    try:
        os.setpgid(0, 0)  # so that whatever it starts ends with it
        os.environ["PLANTED_BUG"] = bug
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(0)
        os.open(os.devnull, os.O_RDONLY)
        signal.alarm(_LONGEST)
        quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are loaded already: that's the point
        unplanted = ["-p", "no:entitlements"]  # the library's own plugin would load it before the bug is planted
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *unplanted, "--timeout=20", *quiet, killed_by]))
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent, whatever it is
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    status = os.waitpid(child, 0)[1]
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # a bug may leave a server running
    return status


if __name__ == "__main__":
    main()
