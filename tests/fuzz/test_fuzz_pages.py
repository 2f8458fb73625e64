"""Fuzz of Stripe's lists: whole, as a plain reader of the same pages has them, or an error; and never a part.

The connection is scripted, one reply a request, and everything above it is real: the client, its JSON, its errors, its
pages and objects. What customers hold is judged both ways, accepted if and only if every page is as documented; of the
other lists, whatever is accepted is compared with what was sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_json import spoilt_json, written
from hostile_texts import text
from plain_pages import NO_ANSWER, NOBODY, Reply, Unsure, Wrong, is_entitlement, whole
from scripted_line import ScriptedLine
from wire_server import page
from wire_stripe import entitlement, feature

from entitlements.clocks import Deadline
from entitlements.sources.active import ActiveEntitlements
from entitlements.stripe import Stripe, StripeError
from entitlements.stripe.lines import Lines

KEY = "sk_test_CANARY"


@dataclass(frozen=True)
class Listed:
    kind: str
    replies: tuple[Reply, ...]
    untouched: bool


# --- what is sent ----------------------------------------------------------------------------------------------------


def product(number: int) -> dict[str, object]:
    link = {"default_price": None, "description": None, "url": None, "metadata": {"tier": "1"}}
    return {"id": f"prod_{number}", "object": "product", "active": True, "livemode": False, "name": "Pro", **link}


def product_feature(number: int) -> dict[str, object]:
    granted = feature(number)
    return {"id": f"prodft_{number}", "object": "product_feature", "entitlement_feature": granted, "livemode": False}


def subscription(number: int) -> dict[str, object]:
    price = {"id": "price_1", "object": "price", "active": True, "livemode": False, "product": "prod_1"}
    item = {"id": f"si_{number}", "object": "subscription_item", "price": price, "quantity": 1}
    rest = {"created": 1, "customer": "cus_1", "livemode": False, "status": "active", "items": page(item)}
    return {"id": f"sub_{number}", "object": "subscription", "metadata": {}, "trial_end": None, **rest}


def expanded(number: int) -> dict[str, object]:
    return entitlement(number, feature=feature(number, metadata={"a": "b"}))


MADE = {
    "entitlements": (entitlement, entitlement, expanded),
    "features": (feature,),
    "products": (product,),
    "product_features": (product_feature,),
    "subscriptions": (subscription,),
}
WORDS = ("ent_1", "feat_1", "key-1", "list", "entitlements.active_entitlement", "entitlements.feature", KEY)
REFUSALS = (302, 400, 400, 401, 402, 403, 404, 404, 409, 429, 500, 503)
STATUSES = (200, 200, 201, 204, 100, 199, 300, 304, 599, *REFUSALS)
HEADERS = ("request-id", "retry-after", "stripe-should-retry", "stripe-rate-limited-reason", "content-type", "location")


def draw(dice):
    kind = dice.choice(("entitlements", "entitlements", "entitlements", *MADE))
    replies = [Reply(200, written(dice, each), {"request-id": "req_1"}) for each in pages(dice, kind)]
    before = len(dice.story)
    if dice.odds(0.7):
        for _ in range(dice.choice((1, 1, 2))):
            replies = dice.pick(SPOILING)(dice, replies)
    return Listed(kind, tuple(replies), untouched=len(dice.story) == before)


def pages(dice, kind):
    """A list in pages, as Stripe sends it."""
    lengths = dice.choice(((0,), (1,), (1,), (2,), (1, 1), (2, 1), (1, 2, 1)))
    numbers = iter(range(1, 9))
    for index, length in enumerate(lengths):
        items = [dice.choice(MADE[kind])(next(numbers)) for _ in range(length)]
        yield page(*items, has_more=index + 1 < len(lengths))


def _at(dice, replies, change):
    """Change one of the replies."""
    if not replies:
        return replies
    index = dice.randrange(len(replies))
    return [*replies[:index], change(replies[index]), *replies[index + 1 :]]


def _a_page(dice, replies):
    def spoil(reply):
        try:
            template = json.dumps(json.loads(reply.body))
        except (ValueError, RecursionError):  # spoilt before
            return reply
        return Reply(
            reply.status, spoilt_json(dice, template, times=dice.choice((1, 1, 2)), words=WORDS), reply.headers
        )

    return _at(dice, replies, spoil)


def _a_status(dice, replies):
    return _at(dice, replies, lambda reply: Reply(dice.choice(STATUSES), reply.body, reply.headers))


def _a_header(dice, replies):
    def spoil(reply):
        worth = dice.choice((KEY, "true", "1", "x" * 5_000, f"{KEY}\r\n x", text(dice), text(dice)))
        return Reply(reply.status, reply.body, {**reply.headers, dice.choice(HEADERS): worth})

    return _at(dice, replies, spoil)


def _an_error(dice, replies):
    error = {
        "type": dice.choice(("invalid_request_error", "invalid_request_error", "idempotency_error", KEY)),
        "code": dice.choice(("resource_missing", "resource_missing", "resource_missing", "rate_limit", None)),
        "param": dice.choice(("customer", "customer", "starting_after", "limit", None)),
        "message": dice.choice(("No such thing: 'ent_1'", f"Invalid API Key provided: {KEY}", text(dice), KEY * 500)),
    }
    body = spoilt_json(dice, json.dumps({"error": error}), times=dice.choice((0, 0, 1)), words=WORDS)
    return _at(dice, replies, lambda reply: Reply(dice.choice(REFUSALS), body, reply.headers))


def _a_mode(dice, replies):
    """One `livemode` of many says that this is about real money."""

    def spoil(reply):
        parts = reply.body.split(b"false")
        told = [index for index, part in enumerate(parts[:-1]) if part.rstrip(b" :\r\n\t").endswith(b'"livemode"')]
        if not told:
            return reply
        cut = dice.choice(told) + 1
        return Reply(reply.status, b"false".join(parts[:cut]) + b"true" + b"false".join(parts[cut:]), reply.headers)

    return _at(dice, replies, spoil)


def _something_else(dice, replies):
    bodies = (b"", b"<html>", b"null", b"[]", b"{}", b"0", b'"list"', b"\x1f\x8b", b"[" * 100_000, b'{"object":"list"}')
    return _at(dice, replies, lambda reply: Reply(reply.status, dice.choice(bodies), reply.headers))


def _no_answer(dice, replies):
    return _at(dice, replies, lambda reply: NO_ANSWER)


def _pages_moved(dice, replies):
    others = (replies[::-1], replies + replies, replies[1:], replies[:-1], replies[:1] * 3)
    return dice.choice(others)


def _cursor_revoked(dice, replies):
    """The place that was reached is taken away, once or more, and the list is read from its beginning."""
    error = {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "message": "No such ent",
        "param": "starting_after",
    }
    revoked = Reply(dice.choice((400, 404)), json.dumps({"error": error}).encode(), {})
    whole = list(replies)
    for _ in range(dice.choice((1, 2, 3, 4))):
        replies = [*whole[: dice.choice((1, 1, 2))], revoked, *replies]
    return replies


SPOILING = (
    _a_page,
    _a_page,
    _a_page,
    _a_page,
    _a_mode,
    _a_status,
    _a_header,
    _an_error,
    _something_else,
    _no_answer,
    _pages_moved,
    _cursor_revoked,
)

# --- what is read ----------------------------------------------------------------------------------------------------


SHOWN = {
    "features": ("id", "active", "lookup_key", "name", "metadata"),
    "products": ("id", "active", "name", "description", "metadata"),
    "product_features": ("id", "livemode"),
    "subscriptions": ("id", "status", "created", "metadata"),
}


class Reader:
    """A client whose connection is scripted."""

    def __init__(self, stripe: Stripe, line: ScriptedLine) -> None:
        self._line = line
        self._lists = {
            "entitlements": lambda: ActiveEntitlements(stripe).fetch("cus_1", Deadline.after(9)),
            "features": stripe.features.list,
            "products": stripe.products.list,
            "product_features": lambda: stripe.product_features.list("prod_1"),
            "subscriptions": lambda: stripe.subscriptions.list(customer="cus_1"),
        }

    def read(self, listed: Listed) -> object:
        self._line.play(listed.replies)
        return self._lists[listed.kind]()

    @staticmethod
    def judge(listed: Listed, outcome) -> None:
        assert outcome is not REFUSED or not listed.untouched
        try:
            expected = whole(listed.replies, is_entitlement if listed.kind == "entitlements" else anything)
        except Wrong:
            expected = REFUSED
        except Unsure:
            return
        if outcome is not REFUSED:
            said = outcome.request_id or ""
            assert said.isprintable()
            assert len(said) <= 500
            assert KEY not in said
        if listed.kind == "entitlements":
            judge_holding(expected, outcome)
        elif outcome is not REFUSED:
            assert expected is not REFUSED
            assert [shown(listed.kind, each) for each in outcome] == [sent(listed.kind, each) for each in expected]
            assert {mode for each in expected for mode in modes(each)} <= {False}


def modes(item):
    """Find each mode that an object tells where Stripe documents one: its own, its feature's, its prices'."""
    yield item["livemode"]
    if item["object"] == "product_feature":
        yield item["entitlement_feature"]["livemode"]
    if item["object"] == "subscription":
        yield from (each["price"]["livemode"] for each in item["items"]["data"])


def anything(item: object) -> bool:
    """Whatever a list holds: of these objects only what is read is judged."""
    return True


def judge_holding(expected, outcome) -> None:
    """What a customer holds: all of it, or that there is no such customer, or an error."""
    if expected is REFUSED:
        assert outcome is REFUSED
    elif expected == NOBODY:
        assert (outcome.features, outcome.known) == (frozenset(), False)
    else:
        assert (outcome.features, outcome.known) == (frozenset(each["lookup_key"] for each in expected), True)


def shown(kind: str, thing: object) -> list[object]:
    return [getattr(thing, name) for name in SHOWN[kind]]


def sent(kind: str, item: dict[str, object]) -> list[object]:
    return [(item.get(name) or {}) if name == "metadata" else item.get(name) for name in SHOWN[kind]]


@pytest.fixture(name="lists")
def _lists():
    line = ScriptedLine(KEY)
    with Stripe(KEY, max_retries=0) as stripe:
        stripe._http._lines = Lines(lambda: line)
        reader = Reader(stripe, line)
        yield Target(draw, reader.read, reader.judge, StripeError, secrets=(KEY,))


def test_a_list_is_whole_or_an_error(lists):
    """I4, I5, R58 to R62, R95: ten thousand lists, as every page of them says, or one of the errors; never a part."""
    fuzz(lists, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_list_is_whole_or_an_error_in_a_million(lists):
    """The same, a hundred times as often, and others each time."""
    print(fuzz(lists, MOST))  # noqa: T201 - the figures of the soak
