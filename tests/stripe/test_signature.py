from __future__ import annotations

import hashlib
import hmac
import time

import pytest
import stripe as official
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entitlements.errors import SignatureError
from entitlements.stripe.secret import Secret
from entitlements.stripe.signature import verify

NOW = 1_795_392_000
OLD, NEW = "whsec_old", "whsec_new"
BODY = b'{"type": "x", "n": "\xc3\xbc"}'


def signature(payload=BODY, secret=NEW, stamp=NOW):
    return hmac.new(secret.encode(), str(stamp).encode() + b"." + payload, hashlib.sha256).hexdigest()


def header(*secrets, payload=BODY, stamp=NOW):
    return f"t={stamp}," + ",".join(f"v1={signature(payload, secret, stamp)}" for secret in secrets)


ACCEPTED = [
    header(NEW),
    header(NEW).encode(),
    header("whsec_other", NEW),
    header(OLD, NEW),
    header(NEW) + ",v0=" + "0" * 64,
    f"v1={signature()},t={NOW}",
    header(NEW).replace(",", ", "),
    header(NEW) + ",v1=\xff\xfe",
    header(NEW).encode() + b",v1=\xff\xfe",
    header(NEW) + ",v1=größe,v1=",
    header(NEW) + ",,=,x,y=z",
    header(NEW, stamp=NOW - 300),
    header(NEW, stamp=NOW + 300),
    header(*["whsec_other"] * 15, NEW),
]


@pytest.mark.parametrize("given", ACCEPTED)
@pytest.mark.parametrize("secrets", [[NEW], [Secret(NEW)], (OLD, Secret(NEW))])
def test_what_stripe_signed_is_accepted(given, secrets):
    """R81: any of several secrets may have signed, in any of several `v1`, whatever else stands beside them."""
    assert verify(BODY, given, secrets, now=NOW) is None


def test_the_official_client_signs_what_is_accepted():
    """The scheme is Stripe's own, by Stripe's own code."""
    now = int(time.time())
    signed = official.WebhookSignature.generate_signature_header(BODY.decode(), NEW, timestamp=now)
    verify(BODY, signed, [NEW], now=now)
    with pytest.raises(SignatureError):
        verify(BODY, signed, [OLD], now=now)


class Undecided:
    """Something whose truth can't be asked for, like an array."""

    def __bool__(self):
        raise RuntimeError("neither true nor false")


FORGED = {
    "no header": "",
    "null header": None,
    "a list": [header(NEW)],
    "a number": 5,
    "neither true nor false": Undecided(),
    "nonsense": "nonsense",
    "only commas": ",,,,",
    "no time": f"v1={signature()}",
    "empty time": f"t=,v1={signature()}",
    "no signature": f"t={NOW}",
    "empty signature": f"t={NOW},v1=",
    "other secret": header("whsec_other"),
    "empty secret": header(""),
    "v0 only": header(NEW).replace("v1", "v0"),
    "v2 only": header(NEW).replace("v1", "v2"),
    "upper-case scheme": header(NEW).replace("v1", "V1"),
    "signature of another time": header(NEW).replace(f"t={NOW}", f"t={NOW - 1}"),
    "signature of another body": header(NEW, payload=b"{}"),
    "signature of the body alone": f"t={NOW},v1={hmac.new(NEW.encode(), BODY, hashlib.sha256).hexdigest()}",
    "cut signature": header(NEW)[:-1],
    "longer signature": header(NEW) + "0",
    "upper-case digits": f"t={NOW},v1={signature().upper()}",
    "base64-like": f"t={NOW},v1=" + "A" * 43 + "=",
    "sha256 of nothing": f"t={NOW},v1={hashlib.sha256(b'').hexdigest()}",
    "non-ASCII": f"t={NOW},v1=größe",
    "half a character": f"t={NOW},v1=\ud800",
    "two times": f"t={NOW},t={NOW},v1={signature()}",
    "two headers joined": f"{header(NEW)},{header(OLD)}",
    "time with a sign": f"t=+{NOW},v1={signature()}",
    "negative time": f"t=-{NOW},v1={signature(stamp=-NOW)}",
    "time in hex": f"t=0x10,v1={signature(stamp='0x10')}",
    "time with a fraction": f"t={NOW}.0,v1={signature(stamp=f'{NOW}.0')}",
    "time in other digits": "t=١٢٣,v1=" + signature(stamp="١٢٣"),
    "a huge time": f"t={'9' * 5000},v1={signature(stamp='9' * 5000)}",
    "a large time": header(NEW, stamp=10**15 - 1),
    "too old": header(NEW, stamp=NOW - 301),
    "too far ahead": header(NEW, stamp=NOW + 301),
    "ten years ahead": header(NEW, stamp=NOW + 315_360_000),
    "time zero": header(NEW, stamp=0),
    "seventeenth": header(*["whsec_other"] * 16, NEW),
    "a hundred thousand": f"t={NOW}," + ",".join([f"v1={'0' * 64}"] * 100_000),
    "a long header": header(NEW) + "," + "x" * 8192,
    "nul": "\x00",
    "bytes beyond ASCII": b"t=\xff,v1=\xff",
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forgery_is_refused(forgery):
    """R33, R83, R94, M16, M17: one error, whatever is wrong with the header, and soon."""
    begun = time.perf_counter()
    with pytest.raises(SignatureError):
        verify(BODY, FORGED[forgery], [NEW], now=NOW)
    assert time.perf_counter() - begun < 0.1


def test_a_valid_signature_after_a_non_ascii_one_counts():
    """R94, M16: a `v1` that isn't ASCII is a wrong one, not an accident."""
    verify(BODY, f"t={NOW},v1=ü,v1={signature()}", [NEW], now=NOW)


@pytest.mark.parametrize(
    "secrets", [[], (), None, "", NEW, Secret(NEW), [""], ["  "], [NEW, ""], [None], [NEW, 5], [NEW.encode()], {NEW}]
)
def test_without_usable_secrets_nothing_is_accepted(secrets):
    """R33: an empty secret would let anybody sign; a bare string would be a list of letters."""
    for signed in (header(NEW), header(""), header("w")):
        with pytest.raises(SignatureError, match="webhook_secrets"):
            verify(BODY, signed, secrets, now=NOW)


@pytest.mark.parametrize("tolerance", [0, -1, None, float("nan"), float("inf"), "300", True, 10**400])
def test_the_check_of_age_can_not_be_switched_off(tolerance):
    """R33: a tolerance of nothing, or without end, is refused, where others take it for leave."""
    with pytest.raises(SignatureError, match="tolerance"):
        verify(BODY, header(NEW), [NEW], now=NOW, tolerance=tolerance)


@pytest.mark.parametrize("now", [None, float("nan"), float("inf"), "now", 10**400])
def test_without_a_clock_nothing_is_accepted(now):
    """R83: a clock that says nothing makes no signature fresh."""
    with pytest.raises(SignatureError, match="time"):
        verify(BODY, header(NEW), [NEW], now=now)


def test_a_wrong_clock_is_told_by_how_much():
    """R83: the message says which way the clocks differ, and by how much."""
    said = []
    for stamp in (NOW - 412, NOW + 3600):
        with pytest.raises(SignatureError) as raised:
            verify(BODY, header(NEW, stamp=stamp), [NEW], now=NOW)
        said.append(str(raised.value))
    rest = "this machine's clock, 300 s at most; it is a replay, or a clock is wrong: check its synchronisation"
    assert said == [f"the signature's time is 412 s behind {rest}", f"the signature's time is 3600 s ahead of {rest}"]


@pytest.mark.parametrize("payload", [BODY.decode(), None, {}, bytearray(BODY), memoryview(BODY), 5])
def test_only_raw_bytes_are_verified(payload):
    """R33, R82: text or a parsed body is no longer what was signed, and the message says what to pass."""
    with pytest.raises(SignatureError, match="raw bytes"):
        verify(payload, header(NEW), [NEW], now=NOW)


def test_a_large_payload_is_refused_before_it_is_hashed():
    """R93: 256 KiB pass, a byte more doesn't."""
    largest = b" " * 256 * 1024
    verify(largest, header(NEW, payload=largest), [NEW], now=NOW)
    with pytest.raises(SignatureError, match="262145 bytes"):
        verify(largest + b" ", header(NEW, payload=largest + b" "), [NEW], now=NOW)


@pytest.mark.parametrize(
    "body", [BODY + b"\n", BODY.replace(b" ", b""), BODY.replace(b"\xc3\xbc", b"\\u00fc"), b"\xef\xbb\xbf" + BODY, b""]
)
def test_a_body_that_was_altered_is_refused(body):
    """R33, R82: what was parsed and written again, or touched in one byte, is not what was signed."""
    with pytest.raises(SignatureError):
        verify(body, header(NEW), [NEW], now=NOW)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text(), max_size=3)
)
pieces = st.lists(
    st.one_of(st.just(f"t={NOW}"), st.just(f"v1={signature()}"), st.text(max_size=9), st.just("v1="), st.just("t=")),
    max_size=9,
)


@settings(deadline=None)
@given(
    payload=anything,
    header=st.one_of(anything, pieces.map(",".join)),
    secrets=anything,
    now=anything,
    tolerance=anything,
)
@example(payload=BODY, header=f"t={NOW},v1=\udcff", secrets=["\ud800"], now=NOW, tolerance=300)
def test_nothing_but_a_signature_error_ever_comes_out(payload, header, secrets, now, tolerance):
    """I12, R94: whatever is given, the outcome is acceptance or a SignatureError."""
    with pytest.raises(SignatureError):
        verify(payload, header, secrets, now=now, tolerance=tolerance)


@settings(deadline=None)
@given(pieces.map(",".join))
def test_no_header_is_accepted_without_the_time_and_a_signature(given):
    """I12: whatever is put together from the parts of a good header, only a time, once, with its signature passes."""
    parts = [part.strip() for part in given.split(",")]
    good = [part for part in parts if part.startswith("t=")] == [f"t={NOW}"] and f"v1={signature()}" in parts
    try:
        verify(BODY, given, [NEW], now=NOW)
    except SignatureError:
        assert not good
    else:
        assert good
