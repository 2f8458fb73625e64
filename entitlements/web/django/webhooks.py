"""The webhook's views: one for threads and one for the event loop, both on the raw body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.http import UnreadablePostError

from entitlements.web import webhook as deliveries
from entitlements.web.django.answers import as_django
from entitlements.web.django.conf import get_entitlements

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from entitlements.web.response import Response

__all__ = ["awebhook", "webhook"]

F = TypeVar("F", bound="Callable[..., object]")

_SIGNATURE: Final = "Stripe-Signature"
_ENCODING: Final = "Content-Encoding"


def _open(view: F) -> F:
    """Open a view to whoever signs: neither a CSRF token nor a login is asked for. Attributes do, in every Django."""
    cast("Any", view).csrf_exempt = True
    cast("Any", view).login_required = False
    return view


@_open
def webhook(request: HttpRequest) -> HttpResponse:
    """Take Stripe's webhooks; route it where Stripe's dashboard says, or include `entitlements.web.django.urls`.

    It reads the raw body, at most 256 KiB of it whatever DATA_UPLOAD_MAX_MEMORY_SIZE says, and makes no call to Stripe.
    It is exempt from CSRF checks and from LoginRequiredMiddleware: the signature is both. It serves under ASGI too, in
    Django's thread.

    >>> from django.urls import path
    >>> urlpatterns = [path("stripe/webhook", webhook)]
    """
    body = _read(request)
    if not isinstance(body, bytes):
        return as_django(body)
    signature, encoding = request.headers.get(_SIGNATURE, ""), request.headers.get(_ENCODING, "")
    return as_django(deliveries.answer(get_entitlements(), request.method or "", body, signature, encoding))


@_open
async def awebhook(request: HttpRequest) -> HttpResponse:
    """Do the same as `webhook`, on the event loop.

    >>> from django.urls import path
    >>> urlpatterns = [path("stripe/webhook", awebhook)]
    """
    body = _read(request)
    if not isinstance(body, bytes):
        return as_django(body)
    signature, encoding = request.headers.get(_SIGNATURE, ""), request.headers.get(_ENCODING, "")
    return as_django(await deliveries.aanswer(get_entitlements(), request.method or "", body, signature, encoding))


def _read(request: HttpRequest) -> bytes | Response:
    """Read the raw body from its stream, which Django bounds by its own settings only when `request.body` is asked."""
    early = deliveries.unread(request.method or "", deliveries.declared_length(_declared(request)))
    if early is not None:
        return early
    body = bytearray()
    read = _reader(request)
    try:
        while len(body) < deliveries.MOST_READ and (chunk := read(deliveries.MOST_READ - len(body))):
            body += chunk
    except UnreadablePostError:
        return deliveries.too_late()
    return bytes(body)


def _declared(request: HttpRequest) -> str:
    return str(request.META.get("CONTENT_LENGTH") or "")


def _reader(request: HttpRequest) -> Callable[[int], bytes]:
    """Find what to read from: under WSGI, Django takes a body that came in chunks, without a length, for none."""
    if request.META.get("wsgi.input_terminated") and not _declared(request) and not hasattr(request, "_body"):
        return cast("Callable[[int], bytes]", request.META["wsgi.input"].read)
    return cast("Callable[[int], bytes]", request.read)
