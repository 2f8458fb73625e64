"""R28, R29: a snapshot travels as bytes, and nothing but what was sealed, about whom was asked, comes out again."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.cache.envelope import LARGEST, Damaged, Stored, TooLarge, age, seal, unseal

STORED = Stored(
    scope="self/live",
    customer="cus_1",
    features=frozenset({"exports", "sso"}),
    token=-1.5e300,
    boot=1_000.25,
    wall=1_795_000_000.5,
    lifetime=287.5,
)

RELEASED = (
    b'{"schema":1,"digest":"0d25e3bf913c2b04544538b02422f268","stored":{"scope":"self/live","customer":"cus_1",'
    b'"features":["exports","sso"],"token":"fe41eb2d66005835","boot":1000.25,"wall":1795000000.5,"lifetime":287.5}}'
)


def opened(data: bytes, *, scope: str = "self/live", customer: str = "cus_1") -> Stored:
    return unseal(data, scope=scope, customer=customer)


def forged(body: bytes) -> bytes:
    """Seal whatever it is: the digest is no secret."""
    return b'{"schema":1,"digest":"%b","stored":%b}' % (blake2b(body, digest_size=16).hexdigest().encode(), body)


def with_member(name: str, written: str) -> bytes:
    """Seal a snapshot in which one member is written so."""
    members = json.loads(seal(STORED))["stored"]
    return forged(
        b"{%b}"
        % ",".join(
            f'"{key}":{written if key == name else json.dumps(value)}' for key, value in members.items()
        ).encode()
    )


def hexed(token: float) -> str:
    return f'"{struct.pack(">d", token).hex()}"'


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
seconds = st.floats(0, 1e15)


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Stored,
        scope=texts,
        customer=texts,
        features=st.frozensets(texts),
        token=st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(bool),
        boot=seconds,
        wall=seconds,
        lifetime=seconds,
    )
)
def test_what_is_sealed_comes_out_as_it_was(stored):
    """Every feature, the token's very bits and every moment survive the journey."""
    assert opened(seal(stored), scope=stored.scope, customer=stored.customer) == stored


def test_the_first_schema_is_read_for_ever():
    """R29: what schema 1 wrote is spelled out here; a release that writes or reads it otherwise needs a new number."""
    assert seal(STORED) == RELEASED
    assert opened(RELEASED) == STORED


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_at_any_position_is_damage(bit):
    """R28: there is no byte of a sealed snapshot that may be another."""
    sealed = seal(STORED)
    for position in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[position] ^= 1 << bit
        with pytest.raises(Damaged):
            opened(bytes(flipped))


def test_a_part_is_damage_and_so_is_more():
    """A snapshot that was cut anywhere, or continued, is none."""
    sealed = seal(STORED)
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            opened(sealed[:length])
    for more in (b" ", b"\n", b"\0", sealed):
        with pytest.raises(Damaged):
            opened(sealed + more)


@pytest.mark.parametrize(
    ("asked", "wrong"), [({"scope": "self/test"}, "another scope"), ({"customer": "cus_2"}, "another customer")]
)
def test_a_snapshot_answers_for_nobody_else(asked, wrong):
    """I7: whom it is about stands in it, and the reader checks."""
    with pytest.raises(Damaged, match=wrong):
        opened(seal(STORED), **asked)


def test_another_schema_is_not_half_understood():
    """R29: a snapshot of another release is a miss, however alike it looks."""
    body = seal(STORED).partition(b'"stored":')[2][:-1]
    digest = blake2b(body, digest_size=16).hexdigest().encode()
    with pytest.raises(Damaged, match="schema 1"):
        opened(b'{"schema":2,"digest":"%b","stored":%b}' % (digest, body))


@pytest.mark.parametrize("name", ["boot", "wall", "lifetime"])
@pytest.mark.parametrize(
    "written", ["-1", "-0.001", "NaN", "Infinity", "1e999", "9" * 400, "9" * 5_000, "true", "null", '"1"', "[1]", "{}"]
)
def test_a_moment_is_a_number_that_can_be(name, written):
    """A number that is negative, endless or none would make an old answer young."""
    with pytest.raises(Damaged):
        opened(with_member(name, written))


@pytest.mark.parametrize(
    "written",
    [hexed(token) for token in (0.0, -0.0, 5e-324, -2.2e-308, math.nan, math.inf, -math.inf)]
    + ['""', '"00"', '"zz"', f'"{"4" * 18}"', '"\\ud83d\\ude00"', "1.5", "null", "[]"],
)
def test_a_token_is_one_that_a_fence_can_have(written):
    """Rule 4: zero is never good, nor is anything that a processor may take for zero, nor what equals nothing."""
    with pytest.raises(Damaged):
        opened(with_member("token", written))


@pytest.mark.parametrize(
    "written",
    ["null", "{}", '"exports"', "[1]", "[null]", '["exports",["sso"]]', '["exports","exports"]', '[""]', '["\\ud800"]'],
)
def test_features_are_lookup_keys(written):
    """A set that isn't one, whole and well-formed, is no evidence."""
    with pytest.raises(Damaged):
        opened(with_member("features", written))


def test_no_features_are_a_set_too():
    """Somebody who is known to hold nothing is known."""
    nothing = replace(STORED, features=frozenset())
    assert opened(seal(nothing)) == nothing


MEMBERS = seal(STORED).partition(b'"stored":')[2][:-1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        MEMBERS.replace(b'"boot":1000.25,', b""),
        MEMBERS.replace(b'"boot":', b'"moment":'),
        MEMBERS.replace(b"{", b'{"more":1,'),
        MEMBERS.replace(b"{", b'{"customer":"cus_2",'),
        MEMBERS.replace(b'["exports","sso"]', b"[" * 100_000 + b"]" * 100_000),
        MEMBERS.replace(b'["exports","sso"]', b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        MEMBERS.replace(b"exports", b"\xff\xfe"),
    ],
    ids=range(11),
)
def test_whoever_can_seal_still_can_t_write_what_he_likes(body):
    """R28: members missing, added, twice, nested without end or not text: the digest fits, and it is damage."""
    with pytest.raises(Damaged):
        opened(forged(body))


def test_what_nobody_would_read_back_is_not_sealed():
    """R28: a snapshot has a size that any reader can bear, and its writer is told when it is beyond."""
    with pytest.raises(TooLarge, match=r"30,000 features take 1,[0-9,]+ bytes, 1,048,576 are the most"):
        seal(replace(STORED, features=frozenset(f"feature-with-a-long-name-{n:08d}" for n in range(30_000))))
    with pytest.raises(Damaged, match="more than 1,048,576 bytes"):
        opened(forged(MEMBERS.replace(b"exports", b"x" * LARGEST)))


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.text() | st.none() | st.integers())
def test_anything_else_is_damage_and_nothing_worse(data):
    """R28: one error, whatever the bytes are, and be they no bytes at all."""
    with pytest.raises(Damaged):
        opened(data)


@pytest.mark.parametrize(
    ("boot_now", "wall_now", "expected"),
    [
        (1_000.25, 1_795_000_000.5, 0.0),
        (1_010.25, 1_795_000_010.5, 10.0),
        (1_010.25, 1_795_000_000.5, 10.0),  # wall time was set back while it passed
        (1_000.25, 1_795_000_010.5, 10.0),  # the boot clock stood still
        (1_000.25, 1_795_003_600.5, 3_600.0),  # wall time was set forward: better too old than too young
        (1_000.24, 1_795_000_010.5, None),  # from the future by the boot clock: another boot
        (1_010.25, 1_795_000_000.4, None),  # from the future by wall time
        (math.nan, 1_795_000_010.5, None),
        (1_010.25, math.nan, None),
    ],
)
def test_r25_age_is_by_the_clock_that_says_more_and_the_future_is_expired(boot_now, wall_now, expected):
    """Whatever one clock does, nothing becomes younger than the other says; a fetch from the future is no evidence."""
    assert age(STORED, boot_now, wall_now) == expected
