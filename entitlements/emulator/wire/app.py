"""The ASGI application: requests off a socket, replies back onto it, spoiled where a fault says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Path

from entitlements.emulator.wire.http import Http

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from entitlements.emulator.fault import Fault
    from entitlements.emulator.wire.front import Front
    from entitlements.emulator.wire.http import Reply

__all__ = ["Lines", "application"]


class Lines(Protocol):
    """The connections requests come in by."""

    def hang_up(self, scope: Scope) -> None:
        """Reset the connection of a request."""

    def transport(self, scope: Scope) -> asyncio.Transport | None:
        """Find the connection of a request, to write on it directly."""


def application(front: Front, lines: Lines) -> ASGIApp:
    """Build the application over the connections it is served by."""
    # One path for all: the desk knows the routes, and code in this process asks it without HTTP.
    return Starlette(routes=[Path("/{path:path}", _Door(front, lines))])


class _Door:
    def __init__(self, front: Front, lines: Lines) -> None:
        self._front = front
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(Request(scope, receive))
            if reply.way == "whole":
                response = Response(reply.body, reply.status)
                response.raw_headers[:0] = _raw(reply)
                await response(scope, receive, send)
            else:
                await self._spoil(reply, scope)
                while (await receive())["type"] != "http.disconnect":
                    pass
        except (asyncio.CancelledError, ClientDisconnect):
            return  # the emulator stops while a fault holds this request, or the client went away

    async def _reply(self, request: Request) -> Reply:
        steps = self._front.serve(await _read(request))
        try:
            while True:
                await asyncio.wrap_future(next(steps))
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        finally:
            steps.close()

    async def _spoil(self, reply: Reply, scope: Scope) -> None:
        transport = self._lines.transport(scope)
        if reply.way == "reset" or transport is None:
            self._lines.hang_up(scope)
            return
        if reply.way == "half":
            transport.write(reply.head + reply.body[: len(reply.body) // 2])
        elif reply.fault is not None:
            await _drip(reply, reply.fault, transport)
        transport.close()


async def _drip(reply: Reply, fault: Fault, transport: asyncio.Transport) -> None:
    """Write a reply a byte at a time, from its first byte or from its body's."""
    whole, dry = reply.head + reply.body, 0 if fault.part == "head" else len(reply.head)
    transport.write(whole[:dry])
    for place in range(dry, len(whole)):
        if transport.is_closing():
            return
        transport.write(whole[place : place + 1])
        await asyncio.wrap_future(fault.hold())


async def _read(request: Request) -> Http:
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    return Http(request.method, path, query, dict(request.headers), await request.body())


def _raw(reply: Reply) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
