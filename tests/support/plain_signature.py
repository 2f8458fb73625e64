"""Stripe's signature by its description: what the library's own check is held against. It shares no code with it.

A header is `t=<unix>,v1=<hex>,...`, signed is `<t>.<body>` with the whole of a secret, `v0` is for tests, and 300
seconds are allowed. Ours is the rest: one time only, of at most 15 digits; sixteen signatures are looked at; 8 KiB of
header and 256 KiB of body.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, cast

from entitlements.stripe.secret import Secret

__all__ = ["Delivery", "is_authentic", "mac"]

_INNER, _OUTER = (bytes(each ^ pad for each in range(256)) for pad in (0x36, 0x5C))
_BLANKS: Final = " \t\n\r\v\f"


@dataclass(frozen=True)
class Delivery:
    """What a receiver is given, and what it knows: its secrets and the time."""

    payload: object
    header: object
    secrets: object
    now: object


def mac(secret: str, message: bytes) -> str:
    """HMAC-SHA256, by RFC 2104."""
    key = secret.encode("utf-8", "surrogatepass")
    key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\x00")
    inner = hashlib.sha256(key.translate(_INNER) + message).digest()
    return hashlib.sha256(key.translate(_OUTER) + inner).hexdigest()


def is_authentic(delivery: Delivery) -> bool:
    """Say whether somebody who knows one of the secrets signed these bytes just now."""
    payload, header, now = delivery.payload, delivery.header, delivery.now
    if not isinstance(payload, bytes) or len(payload) > 262_144:
        return False
    if not isinstance(header, str | bytes) or not 0 < len(header) <= 8_192:
        return False
    plain = header.decode("latin-1") if isinstance(header, bytes) else str.__str__(header)
    parts = [part.strip(_BLANKS) for part in plain.split(",")]
    times = [part[2:] for part in parts if part.startswith("t=")]
    signatures = [part[3:] for part in parts if part.startswith("v1=")][:16]
    if len(times) != 1 or not re.fullmatch("[0-9]{1,15}", times[0]):
        return False
    signed = times[0].encode() + b"." + payload
    if not any(mac(key, signed) in signatures for key in _usable(delivery.secrets)):
        return False
    return isinstance(now, int | float) and not isinstance(now, bool) and abs(now - int(times[0])) <= 300


def _usable(secrets: object) -> list[str]:
    """Give the secrets, all of them or none: one that is empty would let anybody sign."""
    if not isinstance(secrets, list | tuple):
        return []
    plain: list[object] = [each.reveal() if isinstance(each, Secret) else each for each in secrets]
    return cast("list[str]", plain) if all(isinstance(each, str) and str.strip(each) for each in plain) else []
