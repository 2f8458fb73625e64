"""Stripe's signature on a webhook: who sent these bytes, and when."""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from entitlements.errors import SignatureError
from entitlements.stripe.secret import NoSecret, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LONGEST_PAYLOAD", "verify"]

LONGEST_PAYLOAD: Final = 256 * 1024
_LONGEST_HEADER: Final = 8 * 1024
_MOST_SIGNATURES: Final = 16
_DIGITS: Final = 15
_TOLERANCE: Final = 300.0


def verify(
    payload: bytes,
    header: str | bytes,
    secrets: Sequence[Secret | str],
    *,
    now: float,
    tolerance: float = _TOLERANCE,
) -> None:
    """Check that one of the secrets signed these bytes, within `tolerance` seconds of `now`, before or after.

    Several secrets are for rotation: the old one stays good until Stripe stops signing with it.

    Raises:
        SignatureError: and nothing else, whatever is given.

    >>> verify(b"{}", "t=1,v1=00", ["whsec_123"], now=1)
    Traceback (most recent call last):
    ...
    entitlements.errors.SignatureError: no signature matches; check webhook_secrets, and pass the body's raw bytes
    """
    given, secrets = Secret.all_wrapped(secrets), ()  # the name too: a traceback may show this frame's locals
    keys = _keys(given)
    raw = _checked_payload(payload)
    signed = _read(_checked_header(header))
    if not signed.by_any(keys, raw):
        raise SignatureError("no signature matches; check webhook_secrets, and pass the body's raw bytes")
    _check_age(signed.time, now, tolerance)


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a header says: a time, and signatures over it and the payload."""

    stamp: bytes
    signatures: tuple[bytes, ...]

    @property
    def time(self) -> int:
        return int(self.stamp)

    def by_any(self, keys: Iterable[Secret], payload: bytes) -> bool:
        found = False
        for key in keys:
            expected = _digest(key, self.stamp + b"." + payload)
            for signature in self.signatures:  # bytes: `compare_digest` refuses text beyond ASCII
                found |= hmac.compare_digest(expected, signature)
        return found


def _digest(key: Secret, text: bytes) -> bytes:
    return hmac.new(key.reveal().encode("utf-8", "surrogatepass"), text, hashlib.sha256).hexdigest().encode()


def _read(header: bytes) -> _Signed:
    """Take the header apart: `t=<unix>,v1=<hex>,...`; `v0` is for tests, and no signature."""
    stamps: list[bytes] = []
    signatures: list[bytes] = []
    for part in header.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name == b"t":
            stamps.append(value)
        elif name == b"v1" and len(signatures) < _MOST_SIGNATURES:
            signatures.append(value)
    if len(stamps) != 1 or not stamps[0].isdigit() or len(stamps[0]) > _DIGITS:
        raise SignatureError("the Stripe-Signature header has no readable `t=`; pass the header as it came, once")
    if not signatures:
        raise SignatureError("the Stripe-Signature header has no `v1=` signature; pass the header as it came")
    return _Signed(stamps[0], tuple(signatures))


def _check_age(time: int, now: object, tolerance: object) -> None:
    clock, most = _number(now), _number(tolerance)
    if math.isnan(clock) or not most > 0:
        raise SignatureError("the time or the tolerance is no usable number; pass the time and a tolerance above 0")
    late = clock - time
    if abs(late) > most:
        where = "behind" if late > 0 else "ahead of"
        raise SignatureError(
            f"the signature's time is {abs(late):.0f} s {where} this machine's clock, {most:.0f} s at most; "
            "it is a replay, or a clock is wrong: check its synchronisation"
        )


def _number(value: object) -> float:
    """Read a finite number; anything else is not a number at all."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _keys(secrets: object) -> tuple[Secret, ...]:
    if not isinstance(secrets, tuple):
        raise SignatureError("webhook_secrets is not a list; pass a list of the endpoint's secrets, 'whsec_...'")
    keys = tuple(_key(each) for each in cast("tuple[object, ...]", secrets))
    if not keys:
        raise SignatureError("webhook_secrets is not set, so no webhook can be trusted; set the endpoint's secret")
    return keys


def _key(secret: object) -> Secret:
    if isinstance(secret, NoSecret):
        raise SignatureError(f"one of webhook_secrets {secret.trouble}, 'whsec_...'")
    if not isinstance(secret, Secret) or not secret:  # an empty key would let anybody sign
        raise SignatureError("webhook_secrets holds something empty; set the endpoint's secret, 'whsec_...'")
    return secret


def _checked_payload(payload: object) -> bytes:
    if not isinstance(payload, bytes):
        raise SignatureError(f"the payload is of type {type(payload).__name__}; pass the raw bytes of the request body")
    if len(payload) > LONGEST_PAYLOAD:
        raise SignatureError(f"the payload is {len(payload)} bytes long, {LONGEST_PAYLOAD} at most")
    return payload


def _checked_header(header: object) -> bytes:
    if not isinstance(header, str | bytes) or not header:
        raise SignatureError("there is no Stripe-Signature header; only Stripe may call this")
    if len(header) > _LONGEST_HEADER:
        raise SignatureError(f"the Stripe-Signature header is {len(header)} long, {_LONGEST_HEADER} at most")
    return header if isinstance(header, bytes) else header.encode("ascii", "replace")
