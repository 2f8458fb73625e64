from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.errors import SignatureError
from entitlements.stripe.event import parse


def nested(levels, opening=b"[", closing=b"]"):
    return b'{"a": ' + opening * levels + closing * levels + b"}"


REFUSED = {
    "nothing": b"",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a string": b'"text"',
    "a list": b"[]",
    "cut": b'{"a": ',
    "two": b"{}{}",
    "single quotes": b"{'a': 1}",
    "trailing comma": b'{"a": 1,}',
    "bad UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "half a character": b'{"a": "\\ud800"}',
    "half a character in a name": b'{"\\uDFFF": 1}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "beyond all bounds": b'{"a": 1e999}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "200,000 digits": b'{"a": ' + b"9" * 200_000 + b"}",
    "33 digits": b'{"a": ' + b"9" * 33 + b"}",
    "a member twice": b'{"type": "a", "type": "b"}',
    "a member twice, further in": b'{"a": [{"b": 1, "b": 1}]}',
    "a member twice, by escapes": b'{"a": 1, "\\u0061": 2}',
    "64 levels below the first": nested(64),
    "130,000 levels": nested(130_000),
    "130,000 levels, left open": b"[" * 130_000,
    "objects without end": b'{"a":' * 40_000,
    "deep behind a string": b'{"s": "]]]]]]\\"]]]]", "a": ' + b"[" * 65 + b"]" * 65 + b"}",
    "quotes without end": b'{"a": "' + b'\\"' * 100_000,
    "quotes without end after brackets": b"[]" * 65 + b'"' + b'\\"' * 100_000,
    "backslashes": b'{"a": "' + b"\\" * 200_001,
    "brackets and quotes": b'["' * 100_000,
    "too large": b'{"a": "' + b"x" * 256 * 1024 + b'"}',
    "text": "{}",
    "no payload": None,
    "parsed": {},
}


@pytest.mark.parametrize("body", REFUSED)
def test_a_body_that_is_no_event_is_refused(body):
    """R93, M18: one error, soon, whatever the body is; nothing recurses and nothing grows."""
    begun = time.perf_counter()
    with pytest.raises(SignatureError):
        parse(REFUSED[body])
    assert time.perf_counter() - begun < 1.0


def test_a_body_is_read_as_it_is():
    """What Stripe sends passes: brackets in strings are text, whole characters escaped in two halves are one."""
    body = {
        "type": "x",
        "text": "[" * 1000 + '\\"{',
        "smile": "\U0001f600",
        "n": [1, -2.5, 1e3, None, True],
        "id": 2**63,
    }
    assert parse(json.dumps(body).encode()) == body
    assert parse(json.dumps(body, ensure_ascii=False).encode()) == body


@pytest.mark.parametrize("unit", [b"[]", b"{}", b"[[],[]]", b'{"a":[]}', b'"["', b"1"])
def test_a_wide_body_is_read_as_fast_as_a_plain_one(unit):
    """R93: many brackets are no reason to take long: nothing walks them one by one."""
    body = b'{"a":[' + b",".join([unit] * (250_000 // (len(unit) + 1))) + b"]}"
    begun = time.thread_time()
    assert list(parse(body)) == ["a"]
    assert time.thread_time() - begun < 0.5  # walked one by one, it is seconds


@pytest.mark.parametrize("levels", [1, 40, 63])
def test_sixty_four_levels_pass(levels):
    """R93: the cap is far above what Stripe sends."""
    assert json.dumps(parse(nested(levels))).count("[") == levels


@settings(deadline=None)
@given(st.one_of(st.binary(), st.text(alphabet='{}[]",:\\ue0127tn').map(str.encode)))
def test_nothing_but_a_signature_error_ever_comes_out(payload):
    """I12, R93: any bytes are an object or a SignatureError."""
    try:
        assert isinstance(parse(payload), dict)
    except SignatureError:
        return


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(2**63), 2**63),
                st.floats(allow_nan=False, allow_infinity=False),
                st.text(),
            ),
            lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
            max_leaves=8,
        ),
    )
)
def test_every_object_of_json_is_read_whole(body):
    """What is JSON and bounded comes back as it was written."""
    assert parse(json.dumps(body).encode()) == body
