"""Real processes that run a few lines each, with the planted bug of this one if it has any."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Process", "running"]

_PATIENCE = 20  # seconds
_PRELUDE = f"""
import os, sys, threading
sys.path.insert(0, {str(Path(__file__).parent)!r})
import planted
if "PLANTED_BUG" in os.environ: planted.plant(os.environ["PLANTED_BUG"])

def tell(*words): print(*words, flush=True)
def wait(): return sys.stdin.readline()
"""


class Process:
    """A process that tells in lines what it found, and waits for lines to go on."""

    def __init__(self, script: str, *args: object) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + textwrap.dedent(script), *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # `select` sees nothing of what was read ahead
        )

    def hear(self) -> str:
        """Read the next line that it tells."""
        assert self.tells_within(_PATIENCE), "it tells nothing"
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline().decode().strip()
        assert line or self._popen.poll() is None, self.died()
        return line

    def hear_numbers(self) -> list[int]:
        """Read the next line that it tells, which has numbers in it."""
        return [int(word) for word in self.hear().split()]

    def tells_within(self, seconds: float) -> bool:
        """Say whether it tells anything soon."""
        assert self._popen.stdout is not None
        return bool(select.select([self._popen.stdout], [], [], seconds)[0])

    def go(self) -> None:
        """Let it go on from where it waits."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(b"\n")
        self._popen.stdin.flush()

    def kill(self) -> None:
        """End it, wherever it is."""
        self._popen.kill()
        self._popen.wait(_PATIENCE)

    def end(self) -> None:
        """Wait until it has come to its end."""
        status = self._popen.wait(_PATIENCE)
        assert status == 0, self.died()

    def died(self) -> str:
        """Read what it said when it died."""
        self._popen.wait(_PATIENCE)
        assert self._popen.stderr is not None
        return self._popen.stderr.read().decode()

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.kill()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


@contextlib.contextmanager
def running(script: str, *args: object, processes: int = 1) -> Generator[list[Process]]:
    """Run a script in so many processes at once; each is told its number first, then `args`."""
    started = [Process(script, number, *args) for number in range(processes)]
    try:
        yield started
    finally:
        for process in started:
            process.close()
