"""The envelope: a snapshot as bytes, for another process or a restart, and nothing taken from it on trust.

It is for the host's file and for Redis. Whatever comes back is checked whole: that these bytes were sealed by this
schema (a digest, against accidents; who can write there can forge it), and that they are about whom was asked for.
"""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, cast

from entitlements.stripe.strict_json import BadJson, loads

__all__ = ["LARGEST", "Damaged", "Stored", "TooLarge", "age", "seal", "unseal"]

LARGEST: Final = 1 << 20  # bytes; Stripe's list of a customer's features is some hundred keys at most
_SCHEMA: Final = 1
_HEAD: Final = b'{"schema":%d,"digest":"' % _SCHEMA
_NECK: Final = b'","stored":'
_TAIL: Final = b"}"
_DIGEST: Final = 16  # bytes
_TOKEN: Final = struct.Struct(">d")
_MEMBERS: Final = {"scope", "customer", "features", "token", "boot", "wall", "lifetime"}


class Damaged(ValueError):
    """These bytes are no snapshot of this schema for whom was asked; the message says why, without quoting them."""


class TooLarge(ValueError):
    """A snapshot takes more bytes than anybody would read back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What one fetch learnt about one customer, as it travels.

    Attributes:
        scope: of which account and mode.
        customer: of whom.
        features: every lookup key held.
        token: the fence token noted before the fetch began.
        boot: when the fetch began, on the boot clock.
        wall: when the fetch began, in wall time.
        lifetime: the seconds it was given to live.
    """

    scope: str
    customer: str
    features: frozenset[str]
    token: float
    boot: float
    wall: float
    lifetime: float


def seal(stored: Stored) -> bytes:
    """Write a snapshot as strict JSON.

    Raises:
        TooLarge: nobody would read it back.
    """
    members = {
        "scope": stored.scope,
        "customer": stored.customer,
        "features": sorted(stored.features),
        "token": _TOKEN.pack(stored.token).hex(),
        "boot": stored.boot,
        "wall": stored.wall,
        "lifetime": stored.lifetime,
    }
    body = json.dumps(members, separators=(",", ":"), allow_nan=False).encode()
    sealed = b"".join((_HEAD, _digest(body), _NECK, body, _TAIL))
    if len(sealed) > LARGEST:
        raise TooLarge(f"{len(stored.features):,} features take {len(sealed):,} bytes, {LARGEST:,} are the most")
    return sealed


def unseal(data: bytes, *, scope: str, customer: str) -> Stored:
    """Read a snapshot of one customer.

    Raises:
        Damaged: it is anything else, whatever that may be.
    """
    members = _members(_body(data))
    return Stored(
        _same(members, "scope", scope),
        _same(members, "customer", customer),
        _features(members["features"]),
        _token(members["token"]),
        _seconds(members, "boot"),
        _seconds(members, "wall"),
        _seconds(members, "lifetime"),
    )


def age(stored: Stored, boot_now: float, wall_now: float) -> float | None:
    """Count the seconds since the fetch began, by whichever clock says more.

    Each clock fails in its own way: wall time is set, and a boot clock knows nothing of another machine. A fetch from
    the future, by either, is as good as expired: then the answer is None.
    """
    by_boot, by_wall = boot_now - stored.boot, wall_now - stored.wall
    return max(by_boot, by_wall) if by_boot >= 0 and by_wall >= 0 else None


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST).hexdigest().encode()


def _body(data: bytes) -> bytes:
    if not isinstance(data, bytes):
        raise Damaged("it isn't bytes")
    if len(data) > LARGEST:
        raise Damaged(f"it has more than {LARGEST:,} bytes")
    if not data.startswith(_HEAD):
        raise Damaged(f"it isn't of schema {_SCHEMA}")
    start = len(_HEAD) + 2 * _DIGEST + len(_NECK)
    body = data[start : -len(_TAIL)]
    # Compared as it must have been written, so that not a byte of it may be another.
    if data != b"".join((_HEAD, _digest(body), _NECK, body, _TAIL)):
        raise Damaged("its digest doesn't fit")
    return body


def _members(body: bytes) -> dict[str, object]:
    try:
        members = loads(body)
    except BadJson as bad:
        raise Damaged(str(bad)) from None
    if not isinstance(members, dict) or members.keys() != _MEMBERS:
        raise Damaged("it hasn't the members of a snapshot")
    return cast("dict[str, object]", members)


def _same(members: dict[str, object], name: str, asked: str) -> str:
    if members[name] != asked:
        raise Damaged(f"it is about another {name}")
    return asked


def _features(value: object) -> frozenset[str]:
    keys = cast("list[object]", value) if isinstance(value, list) else [None]
    features = frozenset(key for key in keys if isinstance(key, str) and key)
    if len(features) != len(keys):
        raise Damaged("its features aren't lookup keys, each named once")
    return features


def _token(value: object) -> float:
    try:
        token: float = _TOKEN.unpack(bytes.fromhex(value))[0] if isinstance(value, str) else 0.0
    except (ValueError, struct.error):
        token = 0.0
    if not sys.float_info.min <= abs(token) <= sys.float_info.max:
        raise Damaged("its token isn't one that a fence can have")
    return token


def _seconds(members: dict[str, object], name: str) -> float:
    value = members[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise Damaged(f"its {name} is no number of seconds")
    return float(value)
