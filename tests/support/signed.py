"""Sign webhooks as Stripe does, with code of the tests' own."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

SECRET = "whsec_test_secret"


def signature(payload: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d." % stamp + payload, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def event(type: str = "entitlements.active_entitlement_summary.updated", **changes: object) -> bytes:
    """A summary event about cus_1, or whatever the changes make of it."""
    body: dict[str, object] = {
        "id": "evt_1",
        "object": "event",
        "type": type,
        "livemode": False,
        "created": 1_795_000_000,
        "data": {"object": {"object": "entitlements.active_entitlement_summary", "customer": "cus_1"}},
    }
    body.update(changes)
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()
