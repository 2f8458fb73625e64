"""Fuzz of stored snapshots: what was sealed, about whom was asked, or Damaged; no other bytes are ever half-read.

The digest is no secret: whoever can write there can seal what they like. So a part of the inputs is sealed anew after
it was spoilt, and what is in it is judged by a reader of our own.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from hashlib import blake2b

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_bytes import spoilt_bytes
from hostile_json import spoilt_json
from hostile_texts import spoilt_text
from hostile_values import value
from plain_json import NotJson, read

from entitlements.cache.envelope import Damaged, Stored, seal, unseal

SCOPES = ("self/live", "self/test", "acct_1/live", "acct_1/any")
CUSTOMERS = ("cus_1", "cus_2", "größe", "c" * 255)
FEATURES = ((), ("exports",), ("exports", "sso"), tuple(f"key-{number}" for number in range(40)), ("ключ", "k" * 80))
TOKENS = (1.5, -1.5e300, 2.3e-308, 1.7e308)
TIMES = (0.0, 1_000.25, 1_795_000_000.5, 2.0**53)
TIMED = ("boot", "wall", "lifetime")
MEMBERS = {"scope", "customer", "features", "token", *TIMED}
WORDS = (
    *SCOPES,
    *CUSTOMERS[:2],
    "exports",
    "0000000000000000",
    "7ff8000000000000",
    "7ff0000000000000",
    "3FF8000000000000",
)


@dataclass(frozen=True)
class Found:
    """Bytes that lie where a snapshot should, and whom it is looked up for."""

    data: object
    scope: str
    customer: str


def draw(dice):
    scope, customer = dice.choice(SCOPES), dice.choice(CUSTOMERS)
    stored = Stored(
        scope,
        customer,
        frozenset(dice.choice(FEATURES)),
        token=dice.choice(TOKENS),
        boot=dice.choice(TIMES),
        wall=dice.choice(TIMES),
        lifetime=dice.choice(TIMES),
    )
    data = seal(stored)
    if dice.odds(0.7):
        data = dice.pick(SPOILING)(dice, data)
    if dice.odds(0.1):
        dice.story.append("for another")
        scope, customer = dice.choice(((dice.choice(SCOPES), customer), (scope, spoilt_text(dice, customer))))
    return Found(data, scope, customer)


def _a_bit(dice, data):
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def _some_bytes(dice, data):
    return spoilt_bytes(dice, data)


def _sealed_anew(dice, data):
    return sealed(
        spoilt_json(dice, json.dumps(json.loads(data)["stored"]), times=dice.choice((0, 1, 1, 2)), words=WORDS)
    )


def _two_halves(dice, data):
    """The head of one snapshot and the rest of another, as after a write that was interrupted."""
    other = draw(dice).data
    place = dice.randrange(len(data))
    return data[:place] + other[place:] if isinstance(other, bytes) else data[:place]


def _another_schema(dice, data):
    number = dice.choice((b"0", b"2", b"10", b"01", b"1.0", b"true", b'"1"', b"-1", b"9" * 50))
    return data.replace(b'{"schema":1,', b'{"schema":%b,' % number)


def _written_otherwise(dice, data):
    """The same members, as another JSON library would write them."""
    tree = json.loads(data)
    return dice.choice((json.dumps(tree), json.dumps(tree, sort_keys=True), json.dumps(tree, indent=1))).encode()


def _something_else(dice, data):
    known = (b"", b"{}", b"null", b"\x80\x04N.", data.decode(), bytearray(data), None, b" " * 2_000_000, data * 5_000)
    return dice.choice((*known, value(dice)))


SPOILING = (
    _a_bit,
    _some_bytes,
    _sealed_anew,
    _sealed_anew,
    _sealed_anew,
    _sealed_anew,
    _two_halves,
    _another_schema,
    _written_otherwise,
    _something_else,
)

# --- what decides ----------------------------------------------------------------------------------------------------


def sealed(body: bytes) -> bytes:
    return b'{"schema":1,"digest":"%b","stored":%b}' % (blake2b(body, digest_size=16).hexdigest().encode(), body)


BEFORE = len(sealed(b"")) - 1


def meant(found: Found) -> object:
    data = found.data
    if not isinstance(data, bytes) or len(data) > 2**20 or data != sealed(data[BEFORE:-1]):
        return REFUSED
    try:
        members = read(data[BEFORE:-1])
    except NotJson:
        return REFUSED
    if not isinstance(members, dict) or set(members) != MEMBERS or not holds(members):
        return REFUSED
    if (members["scope"], members["customer"]) != (found.scope, found.customer):
        return REFUSED
    times = (float(members[name]) for name in TIMED)
    return Stored(found.scope, found.customer, frozenset(members["features"]), number(members["token"]), *times)


def holds(members) -> bool:
    """Say whether every member is of its kind; whom they are about is another matter."""
    features = members["features"]
    if not isinstance(features, list) or not all(isinstance(key, str) and key for key in features):
        return False
    timed = all(type(members[name]) in {int, float} and members[name] >= 0 for name in TIMED)
    return timed and len(set(features)) == len(features) and number(members["token"]) is not None


def number(written: object) -> float | None:
    """A double by its bits, such as a fence's token may be: neither zero, nor next to it, nor endless."""
    if not isinstance(written, str) or not re.fullmatch(r"[ \t\n\r\v\f]*(?:[0-9a-fA-F]{2}[ \t\n\r\v\f]*){8}", written):
        return None
    token = struct.unpack(">d", bytes.fromhex(written))[0]
    return token if math.isfinite(token) and abs(token) >= 2.0**-1022 else None


def judge(found: Found, outcome: object) -> None:
    assert outcome == meant(found)


SNAPSHOTS = Target(
    draw,
    lambda found: unseal(found.data, scope=found.scope, customer=found.customer),
    judge,
    Damaged,
    secrets=("cus_",),
)


def test_a_stored_snapshot_is_what_was_sealed_or_damaged():
    """R28, R29: ten thousand stored things: a snapshot of whom was asked, to the byte, or Damaged."""
    fuzz(SNAPSHOTS, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_stored_snapshot_is_what_was_sealed_or_damaged_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(SNAPSHOTS, MOST))  # noqa: T201 - the figures of the soak
