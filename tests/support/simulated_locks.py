"""Locks that know whose they are: while a simulated process holds one, no other thread of it may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

    from simulated_process import Process
    from simulated_world import World

__all__ = ["Latch"]


class Latch:
    """A lock of one thread's world: taking it never waits, because nobody who could have it is let run."""

    def __init__(self, world: World, *, again: bool = False) -> None:
        self._world: Final = world
        self._again: Final = again
        self._holders: list[Process | None] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - a lock's own
        del timeout
        if self._holders and not self._again:
            assert not blocking, "a process would wait for itself for ever"
            return False
        process = self._world.running
        self._holders.append(process)
        if process is not None:
            process.locks += 1
        return True

    def release(self) -> None:
        process = self._holders.pop()
        if process is not None:
            process.locks -= 1

    def locked(self) -> bool:
        return bool(self._holders)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
