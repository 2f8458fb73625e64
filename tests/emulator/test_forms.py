"""Junk: whatever a request holds, the answer is Stripe-shaped and never a crash."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entitlements.emulator import StripeEmulator
from entitlements.emulator.resources import ROUTES
from entitlements.emulator.wire.desk import Ask
from entitlements.emulator.wire.errors import ApiError
from entitlements.emulator.wire.forms import parse

NAMES = sorted({name for route in ROUTES for name in route.params} | {"expand", "nonsense", "metadata", "items"})
MEMBERS = st.sampled_from(
    ["", "[]", "[0]", "[a]", "[price]", "[gte]", "[0][price]", "[][price]", "[", "]", "[[", "[9999]"]
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.sampled_from(["", "true", "cus_a", "price_pro", "prod_pro", "now", "\x00", "data.feature", "*", "[*?"]),
)


@st.composite
def forms(draw):
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), MEMBERS, VALUES), max_size=4))
    return "&".join(f"{name}{member}={quote(value)}" for name, member, value in pairs)


def parsed(text):
    """Decode, or None where it was refused as it should be."""
    try:
        return parse(text)
    except ApiError as error:
        if error.status != 400:
            raise
        return None


@pytest.fixture(scope="module")
def shop():
    catalog = {"features": {"a": "A"}, "products": {"pro": {"features": ["a"], "price": 1}}}
    with StripeEmulator(catalog=catalog) as emulator:
        emulator.customer("cus_a")
        yield emulator


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(route=st.sampled_from([route for route in ROUTES if route.method != "DELETE"]), form=forms())
def test_no_form_crashes_a_route(shop, route, form):
    """Every route answers every form with success or with an error a client can read."""
    path = route.path
    for name, known in {"product": "prod_pro", "customer": "cus_a", "price": "price_pro", "id": "prod_pro"}.items():
        path = path.replace(f"{{{name}}}", known)
    raw = parsed(form)
    if raw is None:
        return
    answer = shop._open.desk.answer(Ask(route.method, path, raw))
    assert answer.status in {200, 400, 404}, answer.body
    assert ("error" in json.loads(answer.body)) is (answer.status != 200)


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
