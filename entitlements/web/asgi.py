"""ASGI: a request's view for any application, and the webhook's endpoint."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, cast

from entitlements.bound import bind
from entitlements.customer import LIVE, PIN_HOLDS
from entitlements.errors import InvalidInput
from entitlements.terms import Terms
from entitlements.web import webhook
from entitlements.web.asgi_exchange import AROUND, HTTPExchange, WebSocketExchange, field, sent
from entitlements.web.refusal import REFUSALS, refusal_in
from entitlements.web.site import Site, checked_instance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entitlements.customer import RequestView
    from entitlements.resolver import Entitlements
    from entitlements.web.asgi_exchange import ASGIExchange
    from entitlements.web.asgi_types import ASGIApp, Receive, Scope, Send
    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response

__all__ = ["EntitlementsMiddleware", "SiteMiddleware", "webhook_endpoint"]


class SiteMiddleware:
    """What the middleware of every ASGI framework does; a framework says what it calls a request."""

    def __init__(self, app: ASGIApp, site: Site, *, preload: bool) -> None:
        self._app = app
        self._site = site
        self._preload = preload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise InvalidInput(
                f"an ASGI scope of type {scope['type']!r} came, and nothing here can gate it: "
                "route it around EntitlementsMiddleware"
            )
        view = await self._view(scope)
        exchange = self._exchange(scope, view, receive, send)
        # In place, not in a copy: tracers outside of us read what routers write here.
        scope.update({"entitlements": view, AROUND: exchange.around})
        try:
            with bind(view):
                await self._app(scope, exchange.receive, exchange.send)
        except (*REFUSALS, BaseExceptionGroup) as raised:
            error = refusal_in(raised)
            if error is None or exchange.settled:
                raise
            await exchange.refuse(error, await self._own_answer(error, scope))

    def _given(self, scope: Scope) -> object:
        """Give what `customer` and `handler` are called with: a framework's own word for what is asked."""
        return scope

    async def _own_answer(self, error: Refusal, scope: Scope) -> ASGIApp | None:
        """Find what the application would answer to a refusal itself, if anything."""
        own: ASGIApp | None = await self._site.own_answer(error, self._given(scope))
        return own

    async def _view(self, scope: Scope) -> RequestView:
        who = self._site.customer(self._given(scope))
        found = await cast("Awaitable[object]", who) if inspect.isawaitable(who) else who
        view = self._site.view(found, holds=LIVE if scope["type"] == "websocket" else PIN_HOLDS)
        if self._preload:
            await view.core.arun(view.load())
        return view

    def _exchange(self, scope: Scope, view: RequestView, receive: Receive, send: Send) -> ASGIExchange:
        if scope["type"] == "http":
            return HTTPExchange(self._site, view, scope, receive, send)
        return WebSocketExchange(self._site, scope, receive, send)


class EntitlementsMiddleware(SiteMiddleware):
    """Give every request and WebSocket a view of its customer, and turn refusals into responses.

    Within the application `requires_feature` needs no more than a lookup key, and templates find the view in
    `scope["entitlements"]`. Nothing is fetched before something is asked. A `FeatureRequired` or
    `EntitlementsUnavailable` raised before `http.response.start` becomes the response; one raised later goes on to the
    server. A WebSocket is refused at its handshake, or closed if it was accepted: with 1008, or with 1013 when it can't
    be told. A response that depends on an answer and says nothing of caches is kept out of them.

    Args:
        app: the application.
        entitlements: the instance to ask.
        customer: called with the scope, and awaited if it is async; returns Stripe's id, an object with a
            `.stripe_customer_id`, or `None` when nobody is signed in. Take it from what the server knows, never from
            what the client sends.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402; `hide` answers 404. A gate that says otherwise goes first.
        handler: called with a refusal (`FeatureRequired` or `EntitlementsUnavailable`) and the scope, and awaited if it
            is async; returns an ASGI application that answers instead, as a response of Starlette is, or `None` for the
            usual answer. A WebSocket that was accepted, or a server that can't say more, is closed as usual.
        preload: whether to fetch before the application runs, so that synchronous questions on the loop's thread, as
            templates ask them, find an answer.

    Raises:
        InvalidSettings: one of these can't be right.

    >>> from entitlements import Entitlements, requires_feature
    >>> @requires_feature("exports")
    ... async def app(scope, receive, send):
    ...     await send({"type": "http.response.start", "status": 200, "headers": []})
    ...     await send({"type": "http.response.body", "body": b"exported"})
    >>> async def send(message):
    ...     print(message.get("status", ""))
    >>> scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    >>> with Entitlements("sk_test_123") as ents:
    ...     nobody = EntitlementsMiddleware(app, ents, customer=lambda scope: None)
    ...     asyncio.run(nobody(scope, None, send))
    403
    <BLANKLINE>
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing an application may say
        self,
        app: ASGIApp,
        entitlements: Entitlements,
        customer: Callable[[Scope], object],
        *,
        upgrade_url: str | None = None,
        status: int | None = None,
        hide: bool | None = None,
        handler: Callable[[Refusal, Scope], object] | None = None,
        preload: bool = False,
    ) -> None:
        site = Site(entitlements, customer, Terms(status, hide, upgrade_url), handler, awaits=True)
        super().__init__(app, site, preload=preload)


def webhook_endpoint(entitlements: Entitlements, *, read_deadline: float = 10.0) -> ASGIApp:
    """Make the application that takes Stripe's webhooks; mount it where Stripe's dashboard says.

    It reads the raw body, at most 256 KiB of it and for `read_deadline` seconds, and makes no call to Stripe.

    Raises:
        InvalidSettings: `entitlements` is no instance.

    >>> from entitlements import Entitlements
    >>> ents = Entitlements("sk_test_123", webhook_secrets=["whsec_123"])
    >>> endpoint = webhook_endpoint(ents)
    """
    return _WebhookEndpoint(checked_instance(entitlements), read_deadline)


class _WebhookEndpoint:
    """An object rather than a function: routers take a function for one of their own request handlers."""

    def __init__(self, entitlements: Entitlements, read_deadline: float) -> None:
        self._entitlements = entitlements
        self._read_deadline = read_deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise InvalidInput(
                f"an ASGI scope of type {scope['type']!r} came: route only HTTP to the webhook's endpoint"
            )
        response = webhook.unread(scope["method"], webhook.declared_length(field(scope, b"content-length")))
        if response is None:
            response = await _answered(self._entitlements, scope, receive, self._read_deadline)
        if response is not None:
            await sent(response, send)


async def _answered(
    entitlements: Entitlements, scope: Scope, receive: Receive, read_deadline: float
) -> Response | None:
    """Read the body and answer it; `None` if whoever sent it has gone."""
    try:
        body = await asyncio.wait_for(_read(receive), read_deadline)
    except TimeoutError:
        return webhook.too_late()
    if body is None:
        return None
    signature, encoding = field(scope, b"stripe-signature"), field(scope, b"content-encoding")
    return await webhook.aanswer(entitlements, scope["method"], body, signature, encoding)


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while len(body) < webhook.MOST_READ:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: webhook.MOST_READ - len(body)]
        if not message.get("more_body", False):
            break
    return bytes(body)
