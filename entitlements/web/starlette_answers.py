"""A refusal within Starlette: answered where exception handlers stand, which is inside of every middleware."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketClose, WebSocketState

from entitlements.errors import EntitlementsUnavailable, FeatureRequired
from entitlements.terms import Terms
from entitlements.web.asgi_exchange import AROUND, asked_in, closing
from entitlements.web.refusal import is_hidden, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from starlette.requests import HTTPConnection
    from starlette.types import ExceptionHandler

    from entitlements.web.asgi_exchange import Around
    from entitlements.web.asgi_types import ASGIApp, Scope
    from entitlements.web.refusal import Refusal
    from entitlements.web.site import Site

__all__ = ["bring_handlers", "exception_handlers", "own_words"]

_HANDLERS: Final = "starlette.exception_handlers"  # the scope's: an application's handlers by class, and by status
_OURS: Final = Terms()


async def _answer(connection: HTTPConnection, error: Refusal) -> ASGIApp | None:
    """Be Starlette's exception handler for a refusal, of a request or of a WebSocket."""
    around: Around | None = connection.scope.get(AROUND)
    if isinstance(connection, WebSocket):
        if around is not None:
            raise error  # the middleware knows how far the handshake has come, which this object may not
        await connection.send(closing(error, hidden=_is_unseen(connection, error)))
        return None
    site = None if around is None else around.site
    own = await own_words(error, connection, site)
    if own is not None:
        if around is not None:
            connection.scope["entitlements"].asked = True  # no cache may keep it, whoever raised this
        return own
    request = asked_in(connection.scope) if around is None else around.request
    said = refuse(error, request, _terms(site))
    return Response(said.body, said.status, dict(said.headers))


exception_handlers: Final[Mapping[Any, ExceptionHandler]] = {
    FeatureRequired: cast("ExceptionHandler", _answer),
    EntitlementsUnavailable: cast("ExceptionHandler", _answer),
}


def bring_handlers(scope: Scope) -> None:
    """Give the handlers to the innermost application that a request is in, unless it has its own for a refusal.

    A mounted application knows nothing of its parent's handlers, and answers 500 to what it has no handler for.
    """
    if _HANDLERS not in scope:
        return
    by_class: MutableMapping[object, ExceptionHandler] = scope[_HANDLERS][0]
    for refusal, handler in exception_handlers.items():
        if not any(each in by_class for each in refusal.__mro__):
            by_class[refusal] = handler


async def own_words(error: Refusal, connection: HTTPConnection, site: Site | None) -> ASGIApp | None:
    """Find what an application answers to a refusal in words of its own, if it does: its handler's, or its 404."""
    own = None if site is None else await site.own_answer(error, connection)
    if own is None and is_hidden(error, _terms(site)):
        return await _not_found(connection)
    return cast("ASGIApp | None", own)


async def _not_found(connection: HTTPConnection) -> ASGIApp:
    """Answer as this application does where no route leads."""
    if connection.scope["type"] == "websocket":
        return WebSocketClose()
    error = HTTPException(404)
    by_class, by_status = connection.scope.get(_HANDLERS, ({}, {}))
    classes = (by_class[each] for each in HTTPException.__mro__ if each in by_class)
    handler: Callable[..., Any] | None = by_status.get(error.status_code) or next(classes, None)
    if handler is None:
        return PlainTextResponse("Not Found", error.status_code)
    if inspect.iscoroutinefunction(handler):
        return cast("ASGIApp", await handler(connection, error))
    found = await run_in_threadpool(handler, connection, error)
    return cast("ASGIApp", await cast("Awaitable[object]", found) if inspect.isawaitable(found) else found)


def _is_unseen(websocket: WebSocket, error: Refusal) -> bool:
    return websocket.application_state is WebSocketState.CONNECTING and is_hidden(error)


def _terms(site: Site | None) -> Terms:
    return _OURS if site is None else site.terms
