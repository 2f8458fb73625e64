from __future__ import annotations

import pytest
from hostile_values import Branded
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.errors import InvalidInput
from entitlements.stripe import Stripe, ids
from entitlements.stripe.ids import shown


class Unloaded:
    """An object that can't be shown, as one whose database session is gone."""

    def __repr__(self):
        raise RuntimeError("not loaded")


JUNK = [
    None,
    True,
    False,
    0,
    1,
    1.5,
    b"cus_1",
    ["cus_1"],
    {"id": "cus_1"},
    object(),
    "",
    " ",
    "cus 1",
    " cus_1",
    "cus_1\n",
    "cus_1\r\nX-Header: 1",
    "cus_\x00",
    "cus_\x7f",
    "cus_\u200b1",
    "cus_\u00a01",
    "cus_\u2028",
    "cus_\ud800",
    "..",
    ".",
    "c" * 256,
    pytest.param(10**5_000, id="a number too long to be written down"),
    pytest.param([10**5_000], id="a list of one"),
    pytest.param(Unloaded(), id="an object that can't be shown"),
]


def calls(stripe, junk):
    """Every way an id gets into a request."""
    return [
        lambda: stripe.active_entitlements.list(junk),
        lambda: stripe.subscriptions.list(customer=junk),
        lambda: stripe.features.retrieve(junk),
        lambda: stripe.features.update(junk, name="Name"),
        lambda: stripe.features.archive(junk),
        lambda: stripe.products.retrieve(junk),
        lambda: stripe.product_features.list(junk),
        lambda: stripe.product_features.attach(junk, "feat_1"),
        lambda: stripe.product_features.attach("prod_1", junk),
        lambda: stripe.product_features.detach(junk, "prodft_1"),
        lambda: stripe.product_features.detach("prod_1", junk),
    ]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_no_junk_id_reaches_the_wire(server, stripe, junk):
    """R11, R12, M14: what can't be an id is refused before any I/O; no filter ever vanishes, no path changes."""
    for call in calls(stripe, junk):
        with pytest.raises(InvalidInput):
            call()
    assert server.requests == []


@settings(deadline=None)
@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.lists(st.text()), st.text()))
def test_an_id_is_a_printable_string_or_refused(value):
    """R11: whatever is given comes back the same, or is refused with its value, the rule and the next step."""
    if (
        type(value) is str
        and value.isprintable()
        and " " not in value
        and 0 < len(value) <= 255
        and value not in {".", ".."}
    ):
        assert ids.customer_id(value) == value
        assert value.encode()
        return
    with pytest.raises(ValueError, match=r"^customer id (?s:.*); pass Stripe's id, such as 'cus_123'$") as raised:
        ids.customer_id(value)
    assert type(raised.value) is InvalidInput


@pytest.mark.parametrize(
    "odd", ["a/b", "a?b=c", "a#b", "a%2Fb", "../x", "a&limit=1", "a[b]", "größe", "a+b", "a;b", "~", "*", "..."]
)
def test_an_odd_id_stays_one_step_of_the_path_and_one_value_of_the_query(server, stripe, odd):
    """R12: delimiters are quoted; they name another customer or product at most, never another path or parameter."""
    for call in (lambda: stripe.product_features.list(odd), lambda: stripe.active_entitlements.list(odd)):
        with pytest.raises(Exception, match="unscripted"):
            call()
    by_path, by_query = server.requests
    assert by_path.path.count("/") == 4
    assert by_path.path.startswith("/v1/products/")
    assert by_path.path.endswith("/features")
    assert by_path.query == {"limit": "100"}
    assert by_query.query == {"customer": odd, "limit": "100"}


def test_messages_name_the_value_the_rule_and_the_next_step():
    """A refused value is shown shortened and scrubbed, with what to do instead."""
    said = []
    for value in (5, "", "cus 1", "c" * 300, "sk_live_51Habc de"):
        with pytest.raises(InvalidInput) as raised:
            ids.customer_id(value)
        said.append(str(raised.value))
    advice = "pass Stripe's id, such as 'cus_123'"
    assert said == [
        f"customer id 5 is not a string; {advice}",
        f"customer id '' is empty; {advice}",
        f"customer id 'cus 1' holds whitespace or an unprintable character; {advice}",
        f"customer id 'cccccccccccc...ccccccccccccc' is 300 characters long, 255 at most; {advice}",
        f"customer id 'sk_live_… de' holds whitespace or an unprintable character; {advice}",
    ]


class Lines:
    def __repr__(self):
        return "<Lines\n 1\n 2>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(10**5_000, "<int>", id="too long to be written down"),
        pytest.param([10**5_000], "<list>", id="a list of one"),
        pytest.param(Unloaded(), "<Unloaded>", id="no repr"),
        pytest.param([Unloaded()], "<list>", id="a list of one without a repr"),
        (Lines(), "<Lines\N{REPLACEMENT CHARACTER} 1\N{REPLACEMENT CHARACTER} 2>"),
    ],
)
def test_what_can_not_be_shown_is_named_by_its_kind(value, text):
    """R106: a message is one line, and never fails over the value it is about."""
    assert shown(value) == text


@pytest.mark.parametrize("wrap", [str, lambda text: [text], lambda text: {"a": text}, str.encode, Branded])
@pytest.mark.parametrize("before", ["", "Authorization: Bearer ", "x" * 300 + " "])
def test_no_end_of_a_key_is_shown_where_its_beginning_was_cut_off(before, wrap):
    """R55: a key is masked before a text is shortened, whatever the text is part of."""
    assert "CANARY" not in shown(wrap(f"{before}sk_live_{'0' * 90}CANARY"))


@pytest.mark.parametrize("key", ["exports", "a.b-c_d", "Priority support", "k" * 80, "größe"])
def test_a_feature_key_may_hold_what_stripe_does_not_forbid(key):
    """Stripe documents a key's length and no alphabet, so nothing else is refused that a payer may hold."""
    assert ids.feature_key(key) == key


@pytest.mark.parametrize("key", [None, True, 5, b"exports", "", " exports", "exports ", "a\nb", "a\x00b", "k" * 81])
def test_a_feature_key_that_can_not_be_one_is_refused(key):
    """R11: the same for keys: no coercion, no trimming."""
    with pytest.raises(InvalidInput, match="feature key"):
        ids.feature_key(key)


def test_a_subclass_of_str_is_sent_as_the_text_it_holds():
    """An id kept in a str subclass is taken as the plain string."""
    value = ids.customer_id(Branded("cus_1"))
    assert (type(value), value) == (str, "cus_1")


def test_a_client_without_network_refuses_first():
    """R11: the refusal needs no connection."""
    with Stripe("sk_test_1", api_base="http://127.0.0.1:1") as stripe, pytest.raises(InvalidInput):
        stripe.active_entitlements.list(None)
