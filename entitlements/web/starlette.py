"""Starlette: gates for endpoints, their classes and WebSockets, a request's view, and the webhook's route."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from entitlements.customer import LIVE, PIN_HOLDS, RequestView
from entitlements.errors import InvalidSettings, NotConfigured
from entitlements.extras import missing
from entitlements.gate import Decorator, required, told
from entitlements.resolver import core_of
from entitlements.stripe.ids import shown
from entitlements.terms import Terms
from entitlements.web import asgi
from entitlements.web.site import Site

try:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.requests import HTTPConnection, Request
    from starlette.routing import Route
except ImportError as error:
    raise missing("starlette", error) from error

from entitlements.web.starlette_answers import exception_handlers, own_words
from entitlements.web.starlette_check import check
from entitlements.web.starlette_gate import EndpointGate, guard_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import NoReturn

    from entitlements.cache.wait import Wait
    from entitlements.core import Core
    from entitlements.decision import Decision
    from entitlements.pinned import Pinned
    from entitlements.requirement import Requirement
    from entitlements.resolver import Entitlements
    from entitlements.web.asgi_types import ASGIApp, Receive, Scope, Send
    from entitlements.web.refusal import Refusal

__all__ = ["EntitlementsMiddleware", "exception_handlers", "install", "requires_feature", "webhook_route"]

F = TypeVar("F")


def requires_feature(  # noqa: PLR0913 - one argument for each thing a gate may be told
    *features: str,
    any_of: Sequence[str] | None = None,
    customer: Callable[[HTTPConnection], object] | None = None,
    entitlements: Entitlements | None = None,
    otherwise: Callable[..., object] | None = None,
    status: int | None = None,
    hide: bool | None = None,
    upgrade_url: str | None = None,
) -> Callable[[F], F]:
    """Let an endpoint run only for a customer who has the features: all that are named, or any of `any_of`.

    It guards what `entitlements.requires_feature` does, and `HTTPEndpoint` and `WebSocketEndpoint` classes whole. A
    WebSocket is refused at its handshake; one whose class is guarded is closed at the first message after a change. A
    refusal is answered wherever this stands, also within a mounted application that knows nothing of it.

    Args:
        features: lookup keys, all of which are needed.
        any_of: lookup keys, one of which is enough; instead of `features`, not beside them.
        customer: called with the request or WebSocket among the arguments, to find the customer; `None` means nobody is
            signed in. It may be async unless the endpoint is a plain `def`.
        entitlements: the instance to ask.
        otherwise: called instead of the endpoint, with its arguments (for a whole class with the request or WebSocket),
            when the answer is no and when it isn't known.
        status: the HTTP status of a no, instead of 402.
        hide: answer a no as the application answers where no route leads; a don't-know is 503 all the same.
        upgrade_url: the page that sells this; browsers are sent there. These three go before what the application says.

    Raises:
        TypeError: when decorating: no key, both kinds of keys, or something that can't be guarded.
        InvalidInput: when decorating: a key that can't be one.
        InvalidSettings: when decorating: a status, `hide` or `upgrade_url` that can't be right.
        FeatureRequired: when called: the customer hasn't the features, or nobody is signed in.
        EntitlementsUnavailable: when called: it can't be told.
        NotConfigured: when called: nothing says which instance, or whose customer.

    >>> from starlette.endpoints import HTTPEndpoint
    >>> from starlette.responses import PlainTextResponse
    >>> @requires_feature("exports")
    ... class Exports(HTTPEndpoint):
    ...     async def get(self, request):
    ...         return PlainTextResponse("exported")
    """
    terms = Terms(status, hide, upgrade_url)
    gate = told(EndpointGate, required(features, any_of), customer, entitlements, otherwise, terms)
    return cast("Callable[[F], F]", Decorator(gate, guard_endpoint))


class EntitlementsMiddleware(asgi.SiteMiddleware):
    """Give every request and WebSocket a view of its customer, and turn refusals into responses.

    It is the ASGI middleware in Starlette's words: `customer` and `handler` are given Starlette's connection, and what
    is hidden looks as what isn't there. Place it inside of the middleware that finds out who is signed in. See
    `install`, which does so. Before anything is served it checks that no route leads past a gate; if one does, the
    application doesn't start, and serves nothing where the server goes on without.

    Args:
        app: the application.
        entitlements: the instance to ask.
        customer: called with the connection (a `Request`, without its body, where it is one), and awaited if it is
            async; returns Stripe's id, an object with a `.stripe_customer_id`, or `None` when nobody is signed in. Left
            out, every gate must say `customer=` itself.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402; `hide` answers 404. A gate that says otherwise goes first.
        handler: called with a refusal and the connection, and awaited if it is async; returns a response to give
            instead, or `None` for the usual one.
        preload: whether to fetch before the application runs.

    Raises:
        InvalidSettings: one of these can't be right.
        NotConfigured: when it serves: a route leads past a gate; the message says where.

    >>> from entitlements import Entitlements
    >>> from starlette.applications import Starlette
    >>> from starlette.middleware import Middleware
    >>> ents = Entitlements("sk_test_123")
    >>> mine = Middleware(EntitlementsMiddleware, entitlements=ents, customer=lambda request: request.user.org)
    >>> app = Starlette(middleware=[mine], exception_handlers=exception_handlers)
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing an application may say
        self,
        app: ASGIApp,
        entitlements: Entitlements,
        customer: Callable[[HTTPConnection], object] | None = None,
        *,
        upgrade_url: str | None = None,
        status: int | None = None,
        hide: bool | None = None,
        handler: Callable[[Refusal, HTTPConnection], object] | None = None,
        preload: bool = False,
    ) -> None:
        if customer is None and preload:
            raise InvalidSettings("preload=True fetches what the customer holds: say whose, with customer=")
        terms = Terms(status, hide, upgrade_url)
        site = Site(entitlements, _nobody_said if customer is None else customer, terms, handler, awaits=True)
        super().__init__(app, site, preload=preload)

    _checked = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._checked:
            try:
                self._check(scope.get("app", self._app))
            except (NotConfigured, TypeError) as error:  # TypeError: a gate that stands in the wrong place
                if scope["type"] != "lifespan":
                    raise
                await receive()
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            self._checked = True
        await super().__call__(scope, receive, send)

    def _check(self, app: object) -> None:
        """Check, before anything is served, that no route leads past a gate.

        Raises:
            NotConfigured: one does; the message says where, and what to do.
        """
        if isinstance(app, Starlette):
            check(app)

    def _given(self, scope: Scope) -> HTTPConnection:
        return Request(scope) if scope["type"] == "http" else HTTPConnection(scope)

    async def _own_answer(self, error: Refusal, scope: Scope) -> ASGIApp | None:
        return await own_words(error, self._given(scope), self._site)

    async def _view(self, scope: Scope) -> RequestView:
        if self._site.customer is not _nobody_said:
            return await super()._view(scope)
        holds = LIVE if scope["type"] == "websocket" else PIN_HOLDS
        return _ViewOfWhom(core_of(self._site.entitlements), None, holds=holds)


def install(  # noqa: PLR0913 - one argument for each thing an application may say
    app: Starlette,
    entitlements: Entitlements,
    customer: Callable[[HTTPConnection], object] | None = None,
    *,
    upgrade_url: str | None = None,
    status: int | None = None,
    hide: bool | None = None,
    handler: Callable[[Refusal, HTTPConnection], object] | None = None,
    preload: bool = False,
) -> None:
    """Give an application its view of customers, and the answers to refusals: middleware and exception handlers.

    The middleware goes inside of all others, whenever they are added, so that `customer` finds the session and the user
    that those provide, and what they do to responses, as CORS does, is done to refusals too.

    Args:
        app: the application, before it serves its first request.
        entitlements: the instance to ask.
        customer: called with the connection (a `Request`, without its body, where it is one), and awaited if it is
            async; returns Stripe's id, an object with a `.stripe_customer_id`, or `None` when nobody is signed in. Left
            out, every gate must say `customer=` itself.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402. A gate that says otherwise goes first, here and below.
        hide: answer a no as the application answers where no route leads.
        handler: called with a refusal and the connection, and awaited if it is async; returns a response to give
            instead, or `None` for the usual one.
        preload: whether to fetch before the application runs.

    Raises:
        InvalidSettings: one of these can't be right.
        RuntimeError: the application serves already.

    >>> from entitlements import Entitlements
    >>> from starlette.applications import Starlette
    >>> app = Starlette()
    >>> install(app, Entitlements("sk_test_123"), customer=lambda request: request.user.org, upgrade_url="/pricing")
    """
    middleware = Middleware(
        EntitlementsMiddleware,
        entitlements,
        customer,
        upgrade_url=upgrade_url,
        status=status,
        hide=hide,
        handler=handler,
        preload=preload,
    )
    put_inside(app, middleware)


def put_inside(app: Starlette, middleware: Middleware) -> None:
    """Put our middleware inside of all others, and the answers to refusals inside of that.

    Raises:
        InvalidSettings: what the middleware was told can't be right.
        RuntimeError: the application serves already.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("install(app, ...) must come before the application serves its first request")
    middleware.cls(app, *middleware.args, **middleware.kwargs)  # made here too, for its complaints to come now
    app.user_middleware.append(middleware)
    for refusal, answer in exception_handlers.items():
        app.exception_handlers.setdefault(refusal, answer)


def webhook_route(
    entitlements: Entitlements,
    path: str = "/stripe/webhook",
    *,
    name: str = "stripe_webhook",
    read_deadline: float = 10.0,
) -> Route:
    """Make the route that takes Stripe's webhooks.

    It reads the raw body, at most 256 KiB of it and for `read_deadline` seconds, and makes no call to Stripe.

    Raises:
        InvalidSettings: `entitlements` is no instance.

    >>> from entitlements import Entitlements
    >>> webhook_route(Entitlements("sk_test_123", webhook_secrets=["whsec_123"]))
    Route(path='/stripe/webhook', name='stripe_webhook', methods=[])
    """
    endpoint = asgi.webhook_endpoint(entitlements, read_deadline=read_deadline)
    return Route(path, endpoint, name=name, include_in_schema=False)


# --- nobody said whose -----------------------------------------------------------------------------------------------


def _nobody_said(connection: HTTPConnection) -> object:
    raise NotConfigured(f"nothing says whose request {shown(connection)} is")


class _ViewOfWhom(RequestView):
    """The view where the middleware was given no `customer=`: it knows the instance, and answers nothing."""

    def admits(self, need: Requirement) -> bool:
        self._refuse(need)

    def decide(self, need: Requirement) -> Generator[Wait, None, Decision]:
        self._refuse(need)

    def load(self) -> Generator[Wait, None, Pinned]:
        self._refuse("a feature")

    def pinned(self) -> Pinned:
        self._refuse("a feature")

    def seen_by(self, core: Core) -> RequestView:
        del core  # whichever instance is asked, nobody said about whom
        self.asked = True
        return self

    @staticmethod
    def _refuse(asked: object) -> NoReturn:
        raise NotConfigured(
            f"nothing says whose {asked} is asked for: give EntitlementsMiddleware (or install) a customer=, "
            "or give one to the gate"
        )
