"""Waiting for a landing: the only place where anybody waits, a thread here and a task there.

Both wait in real time, which no test can freeze.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from entitlements.cache.pool import FetchThread
from entitlements.watchdog import watchdog

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

    from entitlements.cache.flight import Landing
    from entitlements.clocks import Deadline

__all__ = ["Wait", "await_for", "block_for", "glance"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait:
    """A wish to be woken when something lands, or at a deadline, whichever comes first."""

    landing: Landing
    deadline: Deadline

    def block(self) -> None:
        """Wait on this thread, unless it is one that fetches: it would wait for itself."""
        if isinstance(threading.current_thread(), FetchThread):
            return
        landed = threading.Event()
        self.landing.on_landing(landed.set)
        landed.wait(self.deadline.remaining())

    async def arrive(self) -> None:
        """Wait in this task; cancelling it harms nobody else."""
        from asyncio import get_running_loop  # noqa: PLC0415 - whoever runs a task has loaded it

        loop = get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake_from_afar() -> None:
            with suppress(RuntimeError):  # the loop is closed; nobody waits any more
                loop.call_soon_threadsafe(wake)

        alarm = watchdog.at(self.deadline.at, wake_from_afar)
        try:
            self.landing.on_landing(wake_from_afar)
            await woken
        finally:
            alarm.cancel()


def block_for(flow: Generator[Wait, None, T], block: Callable[[Wait], object] = Wait.block) -> T:
    """Run a flow to its end on this thread."""
    try:
        while True:
            block(next(flow))
    except StopIteration as stop:
        value: T = stop.value
        return value


async def await_for(flow: Generator[Wait, None, T]) -> T:
    """Run a flow to its end in this task."""
    try:
        while True:
            await next(flow).arrive()
    except StopIteration as stop:
        value: T = stop.value
        return value


def glance(flow: Generator[Wait, None, T]) -> T | None:
    """Run a flow only if it takes no wait; `None` if it does, with its fetch begun."""
    try:
        next(flow)
    except StopIteration as done:
        value: T = done.value
        return value
    flow.close()
    return None
