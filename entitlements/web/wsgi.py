"""WSGI: a request's view for any application, and the webhook's endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.terms import Terms
from entitlements.web import webhook
from entitlements.web.site import Site, checked_instance
from entitlements.web.wsgi_exchange import WSGIExchange, sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

    from entitlements.resolver import Entitlements
    from entitlements.web.refusal import Refusal

__all__ = ["EntitlementsMiddleware", "webhook_endpoint"]


class EntitlementsMiddleware:
    """Give every request a view of its customer, and turn refusals into responses.

    Within the application `requires_feature` needs no more than a lookup key, and templates find the view in
    `environ["entitlements.view"]`. Nothing is fetched before something is asked. The view stays bound while a streamed
    body is made, and no longer. A `FeatureRequired` or `EntitlementsUnavailable` raised before the first chunk of the
    body becomes the response; one raised later, when the headers are out, goes on to the server. A response that
    depends on an answer and says nothing of caches is kept out of them.

    Args:
        app: the application.
        entitlements: the instance to ask.
        customer: called with `environ`; returns Stripe's id, an object with a `.stripe_customer_id`, or `None` when
            nobody is signed in. Take it from what the server knows, never from what the client sends.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402; `hide` answers 404. A gate that says otherwise goes first.
        handler: called with a refusal (`FeatureRequired` or `EntitlementsUnavailable`) and `environ`; returns a WSGI
            application that answers instead, as a response of most frameworks is, or `None` for the usual answer.

    Raises:
        InvalidSettings: one of these can't be right.

    >>> from entitlements import Entitlements, requires_feature
    >>> @requires_feature("exports")
    ... def app(environ, start_response):
    ...     start_response("200 OK", [("Content-Type", "text/plain")])
    ...     return [b"exported"]
    >>> from wsgiref.util import setup_testing_defaults
    >>> environ = {}
    >>> setup_testing_defaults(environ)
    >>> with Entitlements("sk_test_123") as ents:
    ...     nobody = EntitlementsMiddleware(app, ents, customer=lambda environ: None)
    ...     body = nobody(environ, lambda status, headers: print(status))
    403 Forbidden
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing an application may say
        self,
        app: WSGIApplication,
        entitlements: Entitlements,
        customer: Callable[[WSGIEnvironment], object],
        *,
        upgrade_url: str | None = None,
        status: int | None = None,
        hide: bool | None = None,
        handler: Callable[[Refusal, WSGIEnvironment], WSGIApplication | None] | None = None,
    ) -> None:
        self._app = app
        self._site = Site(entitlements, customer, Terms(status, hide, upgrade_url), handler)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view = self._site.view(self._site.customer(environ))
        environ["entitlements.view"] = view
        return WSGIExchange(self._site, view, environ, start_response).run(self._app)


def webhook_endpoint(entitlements: Entitlements) -> WSGIApplication:
    """Make the application that takes Stripe's webhooks; mount it where Stripe's dashboard says.

    It reads the raw body, at most 256 KiB of it, and makes no call to Stripe.

    Raises:
        InvalidSettings: `entitlements` is no instance.

    >>> from entitlements import Entitlements
    >>> ents = Entitlements("sk_test_123", webhook_secrets=["whsec_123"])
    >>> endpoint = webhook_endpoint(ents)
    """
    checked_instance(entitlements)

    def endpoint(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        response = webhook.unread(method, _declared(environ))
        if response is None:
            body = _read(environ["wsgi.input"], _readable(environ))
            response = webhook.answer(
                entitlements,
                method,
                body,
                environ.get("HTTP_STRIPE_SIGNATURE", ""),
                environ.get("HTTP_CONTENT_ENCODING", ""),
            )
        return sent(response, start_response)

    return endpoint


# --- the webhook's body ----------------------------------------------------------------------------------------------


def _declared(environ: WSGIEnvironment) -> int:
    return webhook.declared_length(environ.get("CONTENT_LENGTH") or "")


def _readable(environ: WSGIEnvironment) -> int:
    """Count the bytes that may be asked for; beyond the declared length a server may wait for ever."""
    if environ.get("wsgi.input_terminated"):  # chunked, say: the server ends the stream where the body does
        return webhook.MOST_READ
    return _declared(environ)


def _read(stream: InputStream, most: int) -> bytes:
    body = bytearray()
    while len(body) < most and (chunk := stream.read(most - len(body))):
        body += chunk
    return bytes(body)
