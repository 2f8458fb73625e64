"""Webhook signatures: an HMAC over the time and the raw body, one for each secret in force."""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["signature"]

_FAKE = "v0"  # Stripe signs test events by this scheme too, to see that it is ignored


def signature(payload: bytes, at: int, *secrets: str) -> str:
    """Write a `Stripe-Signature` header; a key is the whole secret, `whsec_` included.

    >>> signature(b"{}", 1_700_000_000, "whsec_1")[:25]
    't=1700000000,v1=c8cf6ed9f'
    >>> [part[:3] for part in signature(b"{}", 1_700_000_000, "whsec_2", "whsec_1").split(",")]
    ['t=1', 'v1=', 'v1=', 'v0=']
    """
    signed = f"{at}.".encode() + payload
    digests = [f"v1={_digest(signed, secret)}" for secret in secrets]
    return ",".join([f"t={at}", *digests, f"{_FAKE}={_digest(signed, _FAKE)}"])


def _digest(signed: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
