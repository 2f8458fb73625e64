"""Stripe's webhook as an endpoint: one answer for every framework, given the raw body and the signature."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from entitlements.errors import EntitlementsUnavailable, SignatureError
from entitlements.stripe.signature import LONGEST_PAYLOAD
from entitlements.web.refusal import retry_after
from entitlements.web.response import Response, problem

if TYPE_CHECKING:
    from entitlements.resolver import Entitlements

__all__ = ["MOST_READ", "aanswer", "answer", "declared_length", "too_late", "unread"]

MOST_READ: Final = LONGEST_PAYLOAD + 1  # enough to know that a body is too long
_DIGITS: Final = 16
_GZIP: Final = b"\x1f\x8b"


def answer(entitlements: Entitlements, method: str, body: bytes, signature: str, encoding: str = "") -> Response:
    """Answer one delivery; no call is made to Stripe, so the answer comes at once.

    Stripe sends an event again, for days, until it is answered 2xx. So whatever may pass by itself is answered 503.

    Args:
        entitlements: the instance whose `webhook_secrets` verify the delivery.
        method: of the request.
        body: the raw bytes, untouched; of a body that is too long, `MOST_READ` of them will do.
        signature: the `Stripe-Signature` header, or an empty string.
        encoding: the `Content-Encoding` header; a proxy on the way may have packed what Stripe signed plain.

    >>> from entitlements import Entitlements
    >>> with Entitlements("sk_test_123", webhook_secrets=["whsec_123"]) as ents:
    ...     answer(ents, "POST", b"{}", "t=1,v1=00").status
    400
    """
    if (early := unread(method, len(body))) is not None:
        return early
    try:
        entitlements.handle_webhook(_plain(body, encoding), signature)
    except (SignatureError, EntitlementsUnavailable) as error:
        return _rejected(error)
    return _received()


async def aanswer(entitlements: Entitlements, method: str, body: bytes, signature: str, encoding: str = "") -> Response:
    """Do the same as `answer`, awaiting what must be waited for."""
    if (early := unread(method, len(body))) is not None:
        return early
    try:
        await entitlements.ahandle_webhook(_plain(body, encoding), signature)
    except (SignatureError, EntitlementsUnavailable) as error:
        return _rejected(error)
    return _received()


def unread(method: str, length: int) -> Response | None:
    """Answer what needn't be read; `None` if it must be."""
    if method != "POST":
        return _problem(405, "Method not allowed", "Stripe delivers events by POST.", {"Allow": "POST"}).answering(
            method
        )
    if length > LONGEST_PAYLOAD:
        return _problem(413, "Body too long", f"An event has at most {LONGEST_PAYLOAD} bytes.")
    return None


def declared_length(header: str) -> int:
    """Read a Content-Length header; what is no number declares nothing.

    >>> declared_length("512"), declared_length(""), declared_length("+5"), declared_length("9" * 5000) == MOST_READ
    (512, 0, 0, True)
    """
    if not (header.isascii() and header.isdigit()):  # `int` would also take "+5", "1_000" and other scripts' digits
        return 0
    return int(header) if len(header) < _DIGITS else MOST_READ


def _plain(body: bytes, encoding: str) -> bytes:
    """Unpack a packed body, as far as an event is long; what can't be unpacked is left to the signature."""
    if "gzip" not in encoding.lower() or not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MOST_READ)
    except zlib.error:
        return body


def _rejected(error: SignatureError | EntitlementsUnavailable) -> Response:
    """Answer a delivery that wasn't accepted: 400 if it never will be, 503 if it may be later."""
    if isinstance(error, SignatureError):
        return _problem(400, "Event refused", str(error))
    detail = "The change could not be made known everywhere. Please send the event again."
    return _problem(503, "Event not taken", detail, retry_after(error.retry_after))


def too_late() -> Response:
    """Answer a body that trickles in for too long."""
    return _problem(408, "Body too slow", "The body did not arrive in time. Please send the event again.")


def _received() -> Response:
    return Response.of(200, "application/json", '{"received": true}')


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    members = {"type": "urn:entitlements:webhook", "title": title, "status": status, "detail": detail}
    return problem(members, headers)
