"""Freshness tokens: a moment, written so that another process or request can ask for something newer.

Random fence tokens have no order, so a freshness token carries the moment itself, on the clock of this boot. Whoever
reads it on another boot or host can't compare moments and fetches anew.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

from entitlements.boot import this_boot
from entitlements.clocks import real_now
from entitlements.errors import InvalidInput
from entitlements.stripe.ids import shown

__all__ = ["issue", "redeem", "token_for_now"]

_LAYOUT = struct.Struct(">cQQ")  # version, boot, nanoseconds
_VERSION = b"\x01"


def issue(moment: float) -> str:
    """Write a moment of real time as an opaque string, safe in a URL.

    >>> redeem(issue(12.5), now=99.0)
    12.5
    """
    return _written(_LAYOUT.pack(_VERSION, this_boot(), int(moment * 1e9)))


def token_for_now() -> str:
    """Write the present moment."""
    return issue(real_now())


def redeem(token: object, *, now: float) -> float:
    """Read the moment after which a fetch must have begun: the token's own, or now if it is from another boot.

    Raises:
        InvalidInput: this is no token.
    """
    packed = _packed(token)
    if packed is None:
        raise InvalidInput(f"after={shown(token)} is no freshness token: pass one that this library gave")
    version, boot, moment = _LAYOUT.unpack(packed)
    if version != _VERSION:
        raise InvalidInput(f"after={shown(token)} was made by another version: get a new one")
    return min(moment / 1e9, now) if boot == this_boot() else now


def _packed(token: object) -> bytes | None:
    """Read what a token packs; `None` if it isn't written as `issue` writes."""
    if not isinstance(token, str):
        return None
    text = str.__str__(token)
    try:
        packed = urlsafe_b64decode(text + "=")
    except ValueError:
        return None
    # Decoding skips whatever is no letter of its own, so one moment would have many spellings.
    return packed if len(packed) == _LAYOUT.size and _written(packed) == text else None


def _written(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()
