"""Gates of Starlette's endpoints: functions, their classes whole or by the method, and WebSockets."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from entitlements.asked import Gate
from entitlements.errors import NotConfigured
from entitlements.guard import MARK, guard
from entitlements.stripe.ids import shown
from entitlements.web.starlette_answers import bring_handlers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from starlette.types import Message

    from entitlements.asked import Asked
    from entitlements.decision import Decision

__all__ = ["EndpointGate", "guard_endpoint"]

_ENDPOINTS: Final = (HTTPEndpoint, WebSocketEndpoint)
_Step: TypeAlias = "Callable[[object], Awaitable[None]]"


@dataclass(frozen=True, slots=True)
class EndpointGate(Gate):
    """A gate whose `customer=` is given the request or WebSocket, and whose refusal is sure to be answered."""

    def asked(self, args: tuple[object, ...], kwargs: dict[str, object], *, lazy: bool = False) -> Asked:
        if self.customer is None:
            return Gate.asked(self, args, kwargs, lazy=lazy)
        connection = _connection_in(args, kwargs)
        if connection is None:
            raise NotConfigured(
                f"customer= of the gate for {self.need} is given a request or a WebSocket, and none is among the "
                "arguments: pass it on, or use entitlements.requires_feature, whose customer= is given the arguments"
            )
        return Gate.asked(self, (connection,), {}, lazy=lazy)

    def refuse(self, decision: Decision, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        connection = _connection_in(args, kwargs)
        if connection is not None:
            bring_handlers(connection.scope)
        return Gate.refuse(self, decision, args, kwargs)


@dataclass(frozen=True, slots=True)
class _ClassGate(EndpointGate):
    """A gate of a whole class, whose `otherwise=` is given what an endpoint that is a function would be."""

    def refuse(self, decision: Decision, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if self.otherwise is None:
            return EndpointGate.refuse(self, decision, args, kwargs)
        return _sent(self.otherwise, cast("HTTPEndpoint | WebSocketEndpoint", args[0]))


def guard_endpoint(gate: Gate, target: object) -> object:
    """Put a gate before an endpoint.

    Raises:
        TypeError: it can't be guarded; the message says what to do instead.
    """
    if inspect.isclass(target):
        if not issubclass(target, _ENDPOINTS):
            raise TypeError(
                f"requires_feature can't guard {shown(target)}: of classes it takes Starlette's HTTPEndpoint and "
                "WebSocketEndpoint; put it on the methods that need the feature"
            )
        return _guard_class(gate, target)
    function = getattr(target, "__func__", target)
    awaits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if inspect.iscoroutinefunction(gate.customer) and not awaits:
        raise TypeError(f"customer= is async and {shown(target)} is not: find the customer without awaiting")
    return guard(gate, target)


def _guard_class(gate: Gate, endpoint: type[HTTPEndpoint | WebSocketEndpoint]) -> object:
    """Guard a class where it is awaited, so that a subclass passes the gate whatever it overrides.

    A WebSocket may stay open for hours: its class is asked about again at each message.
    """
    of_class = _ClassGate(gate.need, gate.customer, gate.entitlements, gate.otherwise, gate.terms)
    run = cast("Callable[[object], Generator[Any, None, None]]", endpoint.__await__)
    still = cast("_Step", guard(replace(of_class, otherwise=None), _nothing))

    async def admitted(self: HTTPEndpoint | WebSocketEndpoint) -> None:
        if isinstance(self, WebSocketEndpoint):
            self.receive = _receiving(self, still)
        await _Run(run, self)

    guarded = cast("_Step", guard(of_class, admitted))

    @functools.wraps(run)
    def __await__(self: object) -> Generator[Any, None, None]:  # noqa: N807 - it is that method
        return guarded(self).__await__()

    for marked, name, value in ((__await__, MARK, gate), (endpoint, MARK, gate), (endpoint, "__await__", __await__)):
        setattr(marked, name, value)  # the class stays itself: its name, its subclasses
    return endpoint


class _Run:
    """An endpoint's own `__await__`, to be awaited."""

    def __init__(self, run: Callable[[Any], Generator[Any, None, None]], endpoint: object) -> None:
        self._run = run
        self._endpoint = endpoint

    def __await__(self) -> Generator[Any, None, None]:
        return self._run(self._endpoint)


async def _nothing(endpoint: object) -> None:
    pass


def _receiving(endpoint: WebSocketEndpoint, still: _Step) -> Callable[[], Awaitable[Message]]:
    receive = endpoint.receive

    async def receiving() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive":
            await still(endpoint)
        return message

    return receiving


async def _sent(otherwise: Callable[..., object], endpoint: HTTPEndpoint | WebSocketEndpoint) -> None:
    """Do otherwise, and send the response if it gives one."""
    given = otherwise(_connection_of(endpoint))
    response = await cast("Awaitable[object]", given) if inspect.isawaitable(given) else given
    if response is not None:
        await cast("Any", response)(endpoint.scope, endpoint.receive, endpoint.send)


def _connection_in(args: tuple[object, ...], kwargs: dict[str, object]) -> HTTPConnection | None:
    given = (*args, *kwargs.values())
    for each in given:
        if isinstance(each, HTTPConnection):
            return cast("HTTPConnection", each)
    return next((_connection_of(each) for each in given if isinstance(each, _ENDPOINTS)), None)


def _connection_of(endpoint: HTTPEndpoint | WebSocketEndpoint) -> HTTPConnection:
    kind = Request if isinstance(endpoint, HTTPEndpoint) else WebSocket
    return kind(endpoint.scope, endpoint.receive, endpoint.send)
