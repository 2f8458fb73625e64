"""Bare WSGI applications for the tests: one of each kind of callable, and a router that knows paths and no more.

app = bare_app(shop, endpoints, upgrade_url="/pricing")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entitlements import requires_feature
from entitlements.web.wsgi import EntitlementsMiddleware, webhook_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from entitlements.testing.gate_contract import Endpoint, Shop

__all__ = ["KINDS", "bare_app"]

_PLAIN = ("Content-Type", "text/plain; charset=utf-8")


def bare_app(shop: Shop, endpoints: list[Endpoint], **application: Any) -> WSGIApplication:
    """Make an application with these endpoints, each of its own kind, and the webhook beside the middleware."""
    pages = {endpoint.path: KINDS[endpoint.kind](endpoint) for endpoint in endpoints}
    hook = webhook_endpoint(shop.ents)

    def router(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return pages.get(environ["PATH_INFO"], _nothing)(environ, start_response)

    def customer(environ: WSGIEnvironment) -> object:
        return shop.customer(environ.get("HTTP_X_WHO"))

    site = EntitlementsMiddleware(router, shop.ents, customer, **application)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (hook if environ["PATH_INFO"] == "/stripe/webhook" else site)(environ, start_response)

    return app


def _nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [_PLAIN])
    return [b"there is nothing here"]


def _gate(endpoint: Endpoint) -> Callable[[Any], Any]:
    return requires_feature(*endpoint.features, **endpoint.options)


def _sent(text: str, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    body = text.encode()
    start_response("200 OK", [_PLAIN, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _function(endpoint: Endpoint) -> WSGIApplication:
    @_gate(endpoint)
    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _sent(endpoint.run(), environ, start_response)

    return page  # type: ignore[no-any-return] # a gate of any endpoint's says nothing of types


def _generator(endpoint: Endpoint) -> WSGIApplication:
    @_gate(endpoint)
    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        yield from _sent(endpoint.run(), environ, start_response)

    return page  # type: ignore[no-any-return] # as above


def _within_a_body(endpoint: Endpoint) -> WSGIApplication:
    """Guard what makes the body, which the server asks for when the call is over."""
    text = _gate(endpoint)(endpoint.run)

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (chunk for app in [_sent] for chunk in app(text(), environ, start_response))

    return page


def _object(endpoint: Endpoint) -> WSGIApplication:
    class Page:
        @_gate(endpoint)
        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return _sent(endpoint.run(), environ, start_response)

    return Page()


def _method(endpoint: Endpoint) -> WSGIApplication:
    class Pages:
        @_gate(endpoint)
        def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return _sent(endpoint.run(), environ, start_response)

    return Pages().page  # type: ignore[no-any-return] # as above


def _stream(endpoint: Endpoint) -> WSGIApplication:
    @_gate(endpoint)
    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [_PLAIN])
        steps = (step.encode() for step in endpoint.steps())
        return () if environ["REQUEST_METHOD"] == "HEAD" else steps

    return page  # type: ignore[no-any-return] # as above


KINDS: dict[str, Callable[[Endpoint], WSGIApplication]] = {
    "def": _function,
    "generator": _generator,
    "within a body": _within_a_body,
    "object": _object,
    "method": _method,
    "stream": _stream,
}
