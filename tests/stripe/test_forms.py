from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
import stripe as official
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode

from entitlements.stripe.forms import form, query

TABLE = [
    ({}, ""),
    ({"a": "b c&d=ü"}, "a=b+c%26d%3D%C3%BC"),
    ({"a": True, "b": False, "c": None, "d": 0, "e": ""}, "a=true&b=false&d=0&e="),
    ({"metadata": {"plan": "pro", "old": ""}}, "metadata[plan]=pro&metadata[old]="),
    (
        {"items": [{"price": "p_1"}, {"price": "p_2", "deleted": True}]},
        "items[0][price]=p_1&items[1][price]=p_2&items[1][deleted]=true",
    ),
    ({"expand": ["data.feature"], "a": {"b": {"c": [1]}}}, "expand[0]=data.feature&a[b][c][0]=1"),
    ({"empty": [], "none": {}}, ""),
]


@pytest.mark.parametrize(("params", "written"), TABLE)
def test_parameters_are_written_as_stripe_reads_them(params, written):
    """Nested names, indexed lists, `true` and `false`; None is left out, the empty string is kept."""
    assert form(params) == written
    assert query(params) == written.replace("[", "%5B").replace("]", "%5D")


texts = st.text(max_size=8).filter(lambda text: text.isascii() or text.isprintable())
values = st.recursive(
    st.one_of(texts, st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), values, max_size=4))
def test_parameters_are_written_as_the_official_client_writes_them(params):
    """The pairs are those of Stripe's own client, for whatever is nested in whatever."""
    ours = parse_qsl(form(params), keep_blank_values=True)
    theirs = [
        (key, {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value))
        for key, value in _api_encode(params)
    ]
    assert ours == theirs
    assert parse_qsl(query(params), keep_blank_values=True) == theirs
    assert official.VERSION == "16.1.0"
