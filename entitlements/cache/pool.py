"""A few daemon threads that run fetches, so that no caller ever sits inside Stripe's socket.

The threads are daemons: the process can exit while Stripe hangs. They start with the first fetch, and a forked child
starts its own.
"""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FetchThread", "Pool"]

_log = logging.getLogger("entitlements")


class FetchThread(threading.Thread):
    """A thread that fetches; a question asked on it must not wait for a fetch."""


class Pool:
    """Run jobs on at most `threads` threads; refuse more than `waiting` jobs in the queue."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._most_threads = threads
        self._most_waiting = waiting
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Begin anew, as a forked child must: the parent's threads don't exist in it."""
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._idle = 0

    def submit(self, job: Callable[[], object]) -> bool:
        """Have a job run soon; return whether there was room for it."""
        with self._lock:
            if self._jobs.qsize() >= self._most_waiting:
                return False
            self._jobs.put(job)
            if self._idle < self._jobs.qsize() and len(self._threads) < self._most_threads:
                self._start()
            return True

    def close(self) -> None:
        """Let every thread end after its present job."""
        with self._lock:
            for _ in self._threads:
                self._jobs.put(None)

    def _start(self) -> None:
        thread = FetchThread(target=self._work, args=(self._jobs,), name="entitlements-fetch", daemon=True)
        thread.start()  # first: where no thread can be started, none may be counted
        self._threads.add(thread)

    def _work(self, jobs: SimpleQueue[Callable[[], object] | None]) -> None:
        while (job := self._next(jobs)) is not None:
            try:
                job()
            except BaseException:  # noqa: BLE001 - a job answers for itself; the thread must live on
                _log.exception("a fetch job failed")
            del job  # or the last job's customer would live as long as the thread idles

    def _next(self, jobs: SimpleQueue[Callable[[], object] | None]) -> Callable[[], object] | None:
        with self._lock:
            self._idle += 1
        try:
            return jobs.get()
        finally:
            with self._lock:
                self._idle -= 1
