from __future__ import annotations

import math

import pytest
from wire_server import Answer, Cut, Raw, page
from wire_stripe import entitlement, entitlements, feature, missing, paged

from entitlements.clocks import Deadline
from entitlements.errors import StripeError
from entitlements.stripe import MalformedReply, ResourceMissing, Stripe
from entitlements.stripe.http import Http
from entitlements.stripe.objects import ActiveEntitlement
from entitlements.stripe.pages import read_whole

PATH = "/v1/entitlements/active_entitlements"


class Charges:
    def __init__(self):
        self.count = 0

    def charge(self):
        self.count += 1


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
def test_a_list_is_read_whole(server, count):
    """I4: every page is read, a hundred at a time, in order; pages beyond the first are charged."""
    server.always(paged(entitlements(count)))
    charges = Charges()
    with Stripe("sk_test_1", api_base=server.url, budget=charges) as stripe:
        listing = stripe.active_entitlements.list("cus_1")
    pages = max(1, math.ceil(count / 100))
    assert [each.id for each in listing] == [f"ent_{number}" for number in range(count)]
    assert listing.request_id == f"req_{100 * (pages - 1)}"
    cursors = [seen.query.get("starting_after") for seen in server.requests]
    assert cursors == [None, *(f"ent_{100 * number - 1}" for number in range(1, pages))]
    assert {(seen.query["customer"], seen.query["limit"]) for seen in server.requests} == {("cus_1", "100")}
    assert charges.count == pages - 1


def with_(**changes):
    """Spoil a good page: change members of the envelope."""
    return lambda body: Answer({**body, **changes})


def without(member):
    return lambda body: Answer({name: value for name, value in body.items() if name != member})


def item_with(**changes):
    """Spoil a good page: change one of its items."""
    return lambda body: Answer({**body, "data": [*body["data"][:-1], entitlement(7_000, **changes)]})


def item_without(member):
    item = {name: value for name, value in entitlement(7_000).items() if name != member}
    return lambda body: Answer({**body, "data": [*body["data"][:-1], item]})


FAULTS = {
    "500": lambda body: Answer({"error": {"type": "api_error"}}, status=500),
    "429": lambda body: Answer({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, status=429),
    "401": lambda body: Answer({"error": {"type": "invalid_request_error"}}, status=401),
    "403": lambda body: Answer({"error": {"type": "invalid_request_error"}}, status=403),
    "404": lambda body: Answer({"error": {"type": "invalid_request_error"}}, status=404),
    "missing customer": lambda body: missing("customer", "customer"),
    "redirect": lambda body: Answer({}, status=302, headers={"Location": "/"}),
    "html": lambda body: Answer(b"<html>", headers={"Content-Type": "text/html"}),
    "cut": lambda body: Cut(Answer(body), 10),
    "garbage": lambda body: Raw(b"\x00\x01\x02"),
    "no object": without("object"),
    "wrong object": with_(object="search_result"),
    "no data": without("data"),
    "null data": with_(data=None),
    "data an object": with_(data={}),
    "no has_more": without("has_more"),
    "null has_more": with_(has_more=None),
    "has_more a string": with_(has_more="false"),
    "has_more a number": with_(has_more=0),
    "empty and more": with_(data=[], has_more=True),
    "live list": with_(livemode=True),
    "item null": with_(data=[None]),
    "item a string": with_(data=["ent_1"]),
    "item a list": with_(data=[[]]),
    "item of another kind": item_with(object="entitlements.feature"),
    "item without id": item_without("id"),
    "item with an empty id": item_with(id=""),
    "item with a number as id": item_with(id=7),
    "item without lookup_key": item_without("lookup_key"),
    "item with null lookup_key": item_with(lookup_key=None),
    "item with empty lookup_key": item_with(lookup_key=""),
    "item without feature": item_without("feature"),
    "item with half a feature": item_with(feature={"id": "feat_1"}),
    "item without livemode": item_without("livemode"),
    "live item": item_with(livemode=True),
    "livemode a string": item_with(livemode="false"),
    "live feature in a test item": item_with(feature=feature(7_000, livemode=True)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("count", "spoilt"), [(1, 1), (250, 1), (250, 2), (250, 3)])
def test_a_fault_on_any_page_is_an_error(server, stripe, fault, count, spoilt):
    """I4, R58, R59, R60, R95: whatever is wrong with whichever page, nothing short of the whole list is returned."""
    good = paged(entitlements(count))

    def answer(seen):
        act = good(seen)
        return FAULTS[fault](act.body) if len(server.requests) == spoilt else act

    server.always(answer)
    with pytest.raises(StripeError):
        stripe.active_entitlements.list("cus_1")
    assert len(server.requests) == spoilt


def test_an_empty_page_that_says_more_follows_names_the_page(server, stripe):
    """R60, M10: the message names the list, the page and the request."""
    server.then(
        Answer(page(entitlement(), has_more=True)), Answer(page(has_more=True), headers={"Request-Id": "req_2"})
    )
    with pytest.raises(MalformedReply) as raised:
        stripe.active_entitlements.list("cus_1")
    assert str(raised.value) == (
        f"page 2 of {PATH} is empty and says that more follows; nothing is concluded from it (request req_2)"
    )


def test_what_is_wrong_with_an_item_is_named_without_its_value(server, stripe):
    """R95: the message says where and by which rule, and quotes nothing."""
    server.always(Answer(page(entitlement(1), entitlement(2, lookup_key=["hush"]))))
    with pytest.raises(MalformedReply) as raised:
        stripe.active_entitlements.list("cus_1")
    assert str(raised.value) == (
        f"data[1] of page 1 of {PATH} is no ActiveEntitlement: lookup_key: Input should be a valid string; "
        "check Stripe-Version and what stands between here and Stripe"
    )


def test_r34_no_part_of_an_object_is_of_the_other_mode(server, stripe):
    """A mode stands in every object, also in those within others: each is compared with the key's."""
    price = {"id": "price_1", "object": "price", "active": True, "livemode": True, "product": "prod_1"}
    item = {"id": "si_1", "object": "subscription_item", "price": price}
    bought = {"id": "sub_1", "object": "subscription", "created": 1, "customer": "cus_1", "status": "active"}
    server.always(Answer(page({**bought, "livemode": False, "items": page(item)})))
    with pytest.raises(MalformedReply, match="has livemode True and the key is for False"):
        stripe.subscriptions.list(customer="cus_1")


@pytest.mark.parametrize("repeat", [(0, 1), (1, 1), (0, 2), (99, 100)])
def test_a_page_seen_before_is_an_error(server, stripe, repeat):
    """R62, M11: a list that goes in circles is left at the first item met again."""
    first, length = repeat
    server.always(lambda _: Answer(page(*entitlements(100)[first : first + length], has_more=True)))
    with pytest.raises(MalformedReply, match="seen before"):
        stripe.active_entitlements.list("cus_1")
    assert len(server.requests) == 2


def test_an_item_twice_on_a_page_is_an_error(server, stripe):
    """R62: one page with an item twice is as wrong as two."""
    server.always(Answer(page(entitlement(1), entitlement(1))))
    with pytest.raises(MalformedReply, match="seen before"):
        stripe.active_entitlements.list("cus_1")


def test_a_list_without_end_is_left_at_the_page_cap(server):
    """R62: a list that always has more is an error after the pages allowed, never its beginning."""
    turns = iter(range(10_000))
    server.always(lambda _: Answer(page(entitlement(next(turns)), has_more=True)))
    http = Http("sk_test_1", api_base=server.url)
    with pytest.raises(MalformedReply, match="more than 7 pages"):
        read_whole(http, PATH, ActiveEntitlement, {"customer": "cus_1"}, deadline=Deadline.after(9), max_pages=7)
    http.close()
    assert len(server.requests) == 7


def revoking(times, items, *, param="starting_after"):
    """Answer as a list does, but take the cursor away from the second page on, so many times."""
    good = paged(items)
    left = [times]

    def answer(seen):
        if "starting_after" in seen.query and left[0]:
            left[0] -= 1
            error = {"type": "invalid_request_error", "code": "resource_missing"}
            error["message"] = f"No such active entitlement: '{seen.query['starting_after']}'"
            return Answer({"error": {**error, "param": param} if param else error}, status=400)
        return good(seen)

    return answer


@pytest.mark.parametrize("param", ["starting_after", None])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_cursor_revoked_between_pages_starts_the_list_again(server, times, param):
    """R61: the entitlement that was the cursor went away; the list is read again from its first page, and charged."""
    server.always(revoking(times, entitlements(150), param=param))
    charges = Charges()
    with Stripe("sk_test_1", api_base=server.url, budget=charges) as stripe:
        assert len(stripe.active_entitlements.list("cus_1")) == 150
    assert len(server.requests) == 2 * (times + 1)
    assert charges.count == len(server.requests) - 1


def test_a_cursor_revoked_again_and_again_is_an_error(server, stripe):
    """R61: after three restarts it is an error: not a shorter list, and not an unknown customer."""
    server.always(revoking(99, entitlements(150)))
    with pytest.raises(MalformedReply, match="changed under every one of 4 readings"):
        stripe.active_entitlements.list("cus_1")
    assert len(server.requests) == 8


@pytest.mark.parametrize("param", ["customer", "limit", "id"])
def test_only_a_missing_cursor_starts_again(server, stripe, param):
    """R61: anything else that is missing is raised as it is."""
    server.then(Answer(page(entitlement(), has_more=True)), missing("thing", param))
    with pytest.raises(ResourceMissing) as raised:
        stripe.active_entitlements.list("cus_1")
    assert raised.value.param == param
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("key", "livemode", "fits"),
    [
        ("sk_test_1", False, True),
        ("sk_test_1", True, False),
        ("rk_live_1", True, True),
        ("rk_live_1", False, False),
        ("emulator", True, True),
        ("emulator", False, True),
    ],
)
def test_an_answer_of_the_other_mode_is_refused(server, key, livemode, fits):
    """A live key never reads test data, nor the reverse; a key whose prefix says nothing checks nothing."""
    server.always(Answer(page(entitlement(livemode=livemode))))
    with Stripe(key, api_base=server.url) as stripe:
        if fits:
            assert len(stripe.active_entitlements.list("cus_1")) == 1
        else:
            with pytest.raises(MalformedReply, match="livemode"):
                stripe.active_entitlements.list("cus_1")
