"""Fuzz of the webhook's body, truly signed: it raises the fence it names, or is a SignatureError and raises none.

What it means is told by a reader of our own (`plain_json`) and by Stripe's description of events: a summary and a
subscription name their customer, a customer is one, a live event is nothing to a test key, nor a connected account's to
the platform's.
"""

from __future__ import annotations

import json

import pytest
from controlled import Clock, Truth
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_json import spoilt_json, written
from hostile_texts import text
from plain_json import NotJson, read
from signed import SECRET, signature

from entitlements import Entitlements, Limits, SignatureError
from entitlements.decision import Source
from entitlements.stripe.event import parse
from entitlements.token import redeem


def about(kind: str, concerned: object, **more: object) -> str:
    event = {"id": "evt_1", "object": "event", "type": kind, "livemode": False, "created": 1_795_000_000}
    return json.dumps({**event, "data": {"object": concerned}, **more})


SUMMARY = "entitlements.active_entitlement_summary.updated"
HELD = {"object": "list", "data": [{"id": "ent_1", "lookup_key": "exports"}], "has_more": True, "url": "/v1/x"}
EVENTS = (
    about(SUMMARY, {"object": "entitlements.active_entitlement_summary", "customer": "cus_1", "entitlements": HELD}),
    about(SUMMARY, {"customer": {"id": "cus_1", "object": "customer"}}, pending_webhooks=1, request={"id": None}),
    about("customer.subscription.updated", {"id": "sub_1", "customer": "cus_1", "items": {"data": [{"quantity": 1}]}}),
    about("customer.subscription.deleted", {"customer": None, "customer_account": "acct_9"}),
    about("customer.deleted", {"id": "cus_1", "metadata": {"note": "bye"}}),
    about("customer.updated", {"id": "cus_1"}),
    about("product.updated", {"id": "prod_1"}, account="acct_1"),
    about(SUMMARY, {"customer": "cus_2"}, account=None),
    about(SUMMARY, {"customer": "cus_1"}, account="acct_1"),
)
ENDLESS = "customer.subscription.\r\n" + "x" * 5_000
WORDS = ("cus_1", "cus_2", "acct_1", "", SUMMARY, "customer.created", "customer.subscription.x", ENDLESS)


def draw(dice):
    dice.story.append("an event")
    if dice.odds(0.002):
        return _huge(dice)
    return spoilt_json(dice, dice.choice(EVENTS), words=WORDS)


def _huge(dice):
    """About as long as a body may be, and longer; deep, wide or without end."""
    size = dice.choice((262_143, 262_144, 262_145, 300_000, 2_000_000))
    filler = dice.choice(
        (b" ", b"[", b"]", b'["', b'{"a":', b"[]", b"9", b'"', b'\\"', b"\\", b"{}", b"\xff", b"0.", b"-")
    )
    body = dice.choice((b"", EVENTS[0].encode()[:-1] + b',"x":', EVENTS[0].encode()))
    return (body + filler * (1 + (size - len(body)) // len(filler)))[: max(size, len(body))]


# --- what is read ----------------------------------------------------------------------------------------------------


def meant(payload: bytes) -> object:
    """Tell (id, type, account, livemode, customer) of an event, or REFUSED."""
    try:
        event = read(payload) if len(payload) <= 262_144 else None
    except NotJson:
        return REFUSED
    if not isinstance(event, dict) or type(event.get("livemode")) is not bool:
        return REFUSED
    if not all(isinstance(event.get(name), str) and event[name] for name in ("id", "type")):
        return REFUSED
    account = event.get("account")
    found = concerned(event)
    if found is REFUSED:
        return REFUSED
    return event["id"], event["type"], account if isinstance(account, str) else None, event["livemode"], found


def concerned(event) -> object:
    kind = event["type"]
    if kind not in {SUMMARY, "customer.created", "customer.deleted"} and kind[:22] != "customer.subscription.":
        return None
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        return REFUSED
    if kind in {"customer.created", "customer.deleted"}:
        customer = thing.get("id")
    else:
        customer = thing.get("customer")
        if customer is None and isinstance(thing.get("customer_account"), str):
            return None
    if isinstance(customer, dict):
        customer = customer.get("id")
    return customer if isinstance(customer, str) and 1 <= len(customer) <= 255 else REFUSED


class Endpoint:
    """An instance that has cus_1's features at hand, and shows whether its fence was raised."""

    def __init__(self, ents: Entitlements) -> None:
        self._ents = ents
        self._fences = ents._core.fences
        self._slot = self._fences.slot("self/test", "cus_1")
        self._raised()

    def take(self, payload: bytes) -> object:
        """Deliver, signed; give what it says and whether cus_1's fence was raised."""
        result = self._ents.handle_webhook(payload, signature(payload))
        assert redeem(result.token, now=float("inf")) > 0
        return result.event_id, result.type, result.customer, self._raised()

    def judge(self, payload: bytes, outcome: object) -> None:
        event = meant(payload)
        if event is REFUSED:
            assert (outcome, self._raised()) == (REFUSED, False)
            return
        event_id, kind, account, livemode, customer = event
        scope = f"{account or 'self'}/{'live' if livemode else 'test'}"
        # Two customers may share a fence; whom it costs a fetch is the same for both.
        ours = customer is not None and self._fences.slot(scope, customer) == self._slot
        assert outcome == (event_id, kind, customer, ours)

    def _raised(self) -> bool:
        return self._ents.check("cus_1", "exports").source is not Source.CACHED


@pytest.fixture(name="events")
def _events():
    truth = Truth({"cus_1": {"exports"}})
    limits = Limits(requests_per_second=1e9)
    with Entitlements("sk_test_1", source=truth, webhook_secrets=[SECRET], clock=Clock(), limits=limits) as ents:
        endpoint = Endpoint(ents)
        yield Target(draw, endpoint.take, endpoint.judge, SignatureError, secrets=(SECRET,))


def test_a_signed_body_is_an_event_or_refused(events):
    """I12, R93: ten thousand bodies: each raises the fence it names and no other, or is one error and raises none."""
    fuzz(events, FEWEST)


# --- JSON itself -----------------------------------------------------------------------------------------------------


def draw_json(dice):
    if dice.odds(0.5):
        return spoilt_json(dice, dice.choice(EVENTS), words=WORDS)
    return spoilt_json(dice, written(dice, {"a": _tree(dice, 4)}).decode(), times=dice.choice((0, 0, 1)))


def _tree(dice, levels):
    """Something of JSON, of any kind."""
    leaves = (None, True, False, 0, -1, 10**31 - 1, 0.1, 1e300, dice.random(), dice.getrandbits(60), "", "x")
    kind = dice.randrange(5 if levels else 3)
    if kind == 0:
        return dice.choice(leaves)
    if kind < 3:
        return text(dice).encode("utf-8", "replace").decode()
    inner = [_tree(dice, levels - 1) for _ in range(dice.randrange(4))]
    return inner if kind == 3 else {f"{index}{dice.choice(WORDS)}": each for index, each in enumerate(inner)}


def judge_json(payload: bytes, outcome: object) -> None:
    try:
        body = read(payload)
    except NotJson:
        body = None
    assert repr(outcome) == repr(
        body if isinstance(body, dict) else REFUSED
    )  # as text: 1, 1.0 and True are three things


JSON = Target(draw_json, parse, judge_json, SignatureError)


def test_json_is_read_as_by_the_book():
    """M18, R93: ten thousand texts mean what RFC 8259 says, or are refused."""
    fuzz(JSON, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_signed_body_is_an_event_or_refused_in_a_million(events):
    """The same, a hundred times as often, and others each time."""
    print(fuzz(events, MOST))  # noqa: T201 - the figures of the soak


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_json_is_read_as_by_the_book_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(JSON, MOST))  # noqa: T201 - the figures of the soak
