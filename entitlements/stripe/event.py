"""A webhook's body, read once its signature was verified."""

from __future__ import annotations

from typing import cast

from entitlements.errors import SignatureError
from entitlements.stripe.signature import LONGEST_PAYLOAD
from entitlements.stripe.strict_json import BadJson, loads

__all__ = ["parse"]


def parse(payload: bytes) -> dict[str, object]:
    """Read a webhook's body as the one JSON object it has to be.

    Raises:
        SignatureError: and nothing else: not JSON, not an object, or of a shape that is only ever sent to do harm
            (nested beyond 64 levels, a member named twice, numbers without end).

    >>> parse(b'{"type": "price.created"}')
    {'type': 'price.created'}
    >>> parse(b"null")
    Traceback (most recent call last):
    ...
    entitlements.errors.SignatureError: the payload is no event: it is no JSON object
    """
    if not isinstance(payload, bytes):
        raise SignatureError(f"the payload is of type {type(payload).__name__}; pass the raw bytes of the request body")
    if len(payload) > LONGEST_PAYLOAD:
        raise SignatureError(f"the payload is {len(payload)} bytes long, {LONGEST_PAYLOAD} at most")
    try:
        body = loads(payload)
    except BadJson as bad:
        reason = str(bad)
    else:
        if isinstance(body, dict):
            return cast("dict[str, object]", body)
        reason = "it is no JSON object"
    raise SignatureError(f"the payload is no event: {reason}")
