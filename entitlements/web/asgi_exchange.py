"""One ASGI request or WebSocket on its way through the middleware: how far it got, and how it can be refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from entitlements.errors import FeatureRequired
from entitlements.web.refusal import Request, is_hidden, sentence
from entitlements.web.response import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from entitlements.customer import RequestView
    from entitlements.web.asgi_types import ASGIApp, Message, Receive, Scope, Send
    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response
    from entitlements.web.site import Site

__all__ = [
    "AROUND",
    "ASGIExchange",
    "Around",
    "HTTPExchange",
    "WebSocketExchange",
    "asked_in",
    "closing",
    "field",
    "sent",
]

AROUND: Final = "entitlements.around"  # where in the scope a framework's integration finds what is around it
_NORMAL: Final = 1000
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN_LATER: Final = 1013
_LONGEST_REASON: Final = 123  # bytes: a control frame holds 125, and the code takes two


@dataclass(frozen=True, slots=True)
class Around:
    """What a refusal is answered by, wherever within the application that is done.

    Attributes:
        site: what the application said.
        request: as it came: routers rewrite their scope. A handshake's is a plain one: it can't be redirected.
    """

    site: Site
    request: Request

    def refuse(self, error: Refusal) -> Response:
        """Turn a refusal into the response that says it."""
        return self.site.refuse(error, self.request)


class ASGIExchange(Protocol):
    """What the middleware needs of either kind."""

    around: Around

    @property
    def settled(self) -> bool:
        """Say whether it is too late to refuse."""
        ...

    def receive(self) -> Awaitable[Message]: ...
    def send(self, message: Message) -> Awaitable[None]: ...
    def refuse(self, error: Refusal, own: ASGIApp | None = None) -> Awaitable[None]: ...


class HTTPExchange:
    """An HTTP request: it can be refused until its response has begun."""

    def __init__(self, site: Site, view: RequestView, scope: Scope, receive: Receive, send: Send) -> None:
        self.settled = False
        self.receive: Final = receive
        self.around = Around(site, asked_in(scope))
        self._view = view
        self._scope = scope
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.settled = True
            if self._view.asked:
                message = {**message, "headers": _uncached(message)}
        await self._send(message)

    async def refuse(self, error: Refusal, own: ASGIApp | None = None) -> None:
        """Answer with a refusal, or with the application's own answer to it."""
        if own is None:
            await sent(self.around.refuse(error), self._send)
        else:
            self._view.asked = True  # no cache may keep the application's own answer either
            await own(self._scope, self.receive, self.send)


class WebSocketExchange:
    """A WebSocket: it can be refused until it was closed, best of all before it was accepted."""

    def __init__(self, site: Site, scope: Scope, receive: Receive, send: Send) -> None:
        self.settled = False
        self.around = Around(site, Request())
        self._accepted = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._tells = "websocket.http.response" in (scope.get("extensions") or {})

    async def receive(self) -> Message:
        message = await self._receive()
        self.settled = self.settled or message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: Message) -> None:
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        self.settled = self.settled or message["type"] in {"websocket.close", "websocket.http.response.start"}
        await self._send(message)

    async def refuse(self, error: Refusal, own: ASGIApp | None = None) -> None:
        """Answer the handshake with a refusal if the server can, or close the socket."""
        if self._tells and not self._accepted:
            if own is not None:
                await own(self._scope, self.receive, self.send)
                return
            await sent(self.around.refuse(error), self._send, kind="websocket.http.response")
            return
        hidden = not self._accepted and is_hidden(error, self.around.site.terms)
        await self._send(closing(error, hidden=hidden))


def closing(error: Refusal, *, hidden: bool = False) -> Message:
    """Say a refusal in the message that closes a WebSocket; hidden, as routers close what leads nowhere."""
    if hidden:
        return {"type": "websocket.close", "code": _NORMAL, "reason": ""}
    known = isinstance(error, FeatureRequired) and not error.decision.unavailable
    code = _POLICY_VIOLATION if known else _TRY_AGAIN_LATER
    reason = sentence(error).encode("utf-8", "replace")[:_LONGEST_REASON].decode("utf-8", "ignore")
    return {"type": "websocket.close", "code": code, "reason": reason}


async def sent(response: Response, send: Send, *, kind: str = "http.response") -> None:
    """Send a response of ours."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": f"{kind}.start", "status": response.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": response.body})


def asked_in(scope: Scope) -> Request:
    """Read of a request what a refusal's form depends on."""
    return Request(
        method=scope["method"],
        accept=field(scope, b"accept"),
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
    )


def field(scope: Scope, name: bytes) -> str:
    """Read a header, its several lines as one."""
    return ", ".join(value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == name)


def _uncached(message: Message) -> list[tuple[bytes, bytes]]:
    headers = [*message.get("headers", ())]
    if any(name.lower() == b"cache-control" for name, _ in headers):
        return headers
    return [*headers, (b"cache-control", PRIVATE.encode())]
