"""Webhook signatures: an HMAC over the time and the raw body."""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["signature"]


def signature(payload: bytes, secret: str, at: int) -> str:
    """Write a `Stripe-Signature` header; the key is the whole secret, `whsec_` included.

    >>> signature(b"{}", "whsec_1", 1_700_000_000)[:25]
    't=1700000000,v1=c8cf6ed9f'
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
