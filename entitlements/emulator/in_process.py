"""The way in without a socket: requests of code in this process, with the limits and faults of the wire."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.emulator.wire.front import Front
    from entitlements.emulator.wire.http import Http, Reply, Steps

__all__ = ["Passage"]


@dataclass(frozen=True)
class _Reach:
    """A time in which the emulator can be reached, and what ends it."""

    front: Front
    over: Future[None] = field(default_factory=Future[None])


class Passage:
    """Carry requests to the front and replies back, while it is open."""

    def __init__(self) -> None:
        self._reach: _Reach | None = None

    def open(self, front: Front) -> None:
        """Let requests in."""
        self._reach = _Reach(front)

    def close(self) -> None:
        """Refuse requests, and cut off those on their way."""
        reach, self._reach = self._reach, None
        if reach is not None:
            reach.over.set_result(None)

    @property
    def is_open(self) -> bool:
        """Say whether requests are let in."""
        return self._reach is not None

    def ask(self, http: Http, timeout: float | None = None) -> Reply:
        """Make a request. A reply of which half is missing says so by its `way`.

        Raises:
            ConnectionRefusedError: the emulator isn't running, or is paused.
            ConnectionResetError: a fault, or the end of the emulator, dropped the connection.
            TimeoutError: nothing happened for `timeout` seconds.
        """
        reach = self._open()
        steps = _exchange(reach.front, http)
        try:
            while True:
                _either(next(steps), reach.over).result(timeout)
                _check(reach)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        finally:
            steps.close()

    async def aask(self, http: Http, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - as `ask` has it
        """Make a request; as `ask`, for a running loop."""
        reach = self._open()
        steps = _exchange(reach.front, http)
        try:
            while True:
                await asyncio.wait_for(asyncio.wrap_future(_either(next(steps), reach.over)), timeout)
                _check(reach)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        finally:
            steps.close()

    def _open(self) -> _Reach:
        if self._reach is None:
            raise ConnectionRefusedError("the emulator isn't running or is paused; start() or resume() it")
        return self._reach


def _check(reach: _Reach) -> None:
    if reach.over.done():
        raise ConnectionResetError("the emulator was stopped or paused while the request was on its way")


def _either(step: Future[None], over: Future[None]) -> Future[None]:
    """Wait for a step to end or for the emulator to, whichever is first."""
    either: Future[None] = Future()

    def end(_ended: Future[None]) -> None:
        with suppress(InvalidStateError):  # the other was first, or nobody waits any longer
            either.set_result(None)

    step.add_done_callback(end)
    over.add_done_callback(end)
    return either


def _exchange(front: Front, http: Http) -> Steps:
    reply = yield from front.serve(http)
    if reply.way == "reset":
        raise ConnectionResetError("the emulator was told to drop this connection")
    if reply.fault is not None and reply.way == "drip":
        for _ in range(len(reply.body) + (len(reply.head) if reply.fault.part == "head" else 0)):
            yield reply.fault.hold()
    return reply
