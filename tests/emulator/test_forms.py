"""Forms: any text is decoded, or refused as Stripe refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entitlements.emulator.wire.errors import ApiError
from entitlements.emulator.wire.forms import parse


def parsed(text):
    """Decode, or None where it was refused as it should be."""
    try:
        return parse(text)
    except ApiError as error:
        if error.status != 400:
            raise
        return None


@given(st.text())
def test_any_text_is_a_form_or_refused(text):
    """Decoding raises nothing but a 400."""
    assert isinstance(parsed(text), dict | None)


@pytest.mark.parametrize(
    "query", ["limit=%FF%FE", "customer=%ED%A0%80", "customer=%00", "a[b=1", "%", "customer=%zz", "&&=&"]
)
def test_broken_encodings_are_answered(wire, query):
    """Bytes that are no UTF-8, and brackets that don't close, are refused like any other nonsense."""
    answer = wire("GET", f"/v1/entitlements/active_entitlements?{query}")
    assert answer.status == 400
