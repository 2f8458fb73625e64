"""Lists: envelopes, pages, cursors and limits."""

from __future__ import annotations

import pytest
import stripe

from entitlements.emulator import StripeEmulator


def shop_with(count):
    keys = [f"feature_{number:03}" for number in range(count)]
    return {"features": {key: key for key in keys}, "products": {"all": {"features": keys, "price": 1}}}


@pytest.mark.parametrize("count", [10, 11, 250])
def test_every_entitlement_is_found_however_many_pages_they_fill(connect, count):
    """Auto-paging over a customer's entitlements gives each exactly once, at any page size."""
    with StripeEmulator(catalog=shop_with(count)) as emulator:
        client = connect(emulator)
        customer = emulator.customer()
        emulator.subscribe(customer, "all")
        listed = client.entitlements.active_entitlements.list
        for limit in (7, 100):
            found = [one.lookup_key for one in listed({"customer": customer, "limit": limit}).auto_paging_iter()]
            assert sorted(found) == sorted(emulator.entitlements(customer))
            assert len(found) == count
        assert emulator.count("GET", "/v1/entitlements/active_entitlements") == -(-count // 7) + -(-count // 100)
        first = listed({"customer": customer})
        assert (len(first.data), first.has_more) == (10, count > 10)


def test_a_summary_inlines_ten_and_its_url_leads_to_the_rest(connect):
    """The event holds ten at most and says there are more; its own url, in the singular, gives them all."""
    with StripeEmulator(catalog=shop_with(11)) as emulator:
        client = connect(emulator)
        customer = emulator.customer()
        subscription = emulator.subscribe(customer, "all")
        kind = "entitlements.active_entitlement_summary.updated"
        inlined = client.events.list({"type": kind}).data[0].data.object["entitlements"]
        assert (len(inlined.data), inlined.has_more) == (10, True)
        assert inlined.url == f"/v1/customer/{customer}/entitlements"
        assert len({one.lookup_key for one in inlined.auto_paging_iter()}) == 11
        emulator.cancel(subscription)
        last = client.events.list({"type": kind}).data[0].data
        assert (last.object["entitlements"].data, last.object["entitlements"].has_more) == ([], False)
        assert list(last.previous_attributes["entitlements"].to_dict()) == ["data"]
        assert len(last.previous_attributes["entitlements"]["data"]) == 10


@pytest.fixture
def customers(client):
    """Make seven customers; give their ids newest first."""
    return [client.customers.create().id for _ in range(7)][::-1]


def test_cursors_lead_both_ways_and_leave_out_the_object_they_name(client, customers):
    """`starting_after` goes to older ones, `ending_before` to newer ones, newest first in either page."""
    listed = client.customers.list

    def page(**params):
        answer = listed({"limit": 3, **params})
        return [one.id for one in answer.data], answer.has_more

    assert page() == (customers[:3], True)
    assert page(starting_after=customers[2]) == (customers[3:6], True)
    assert page(starting_after=customers[5]) == (customers[6:], False)
    assert page(ending_before=customers[6]) == (customers[3:6], True)
    assert page(ending_before=customers[3]) == (customers[:3], False)
    assert page(ending_before=customers[0]) == ([], False)
    backwards = [one.id for one in listed({"limit": 2, "ending_before": customers[6]}).auto_paging_iter()]
    assert backwards == customers[:6][::-1]


@pytest.mark.parametrize(("limit", "count"), [("0", 1), ("-5", 1), ("1", 1), ("7", 7), ("101", 7), ("100000", 7)])
def test_a_limit_out_of_range_is_clamped(wire, customers, limit, count):
    """No limit is refused for its size; below one acts as one, above a hundred as a hundred."""
    answer = wire("GET", f"/v1/customers?limit={limit}")
    assert (answer.status, len(answer.body["data"])) == (200, count)


def test_more_than_a_hundred_are_never_on_one_page(connect):
    """A limit above a hundred gives a hundred, and says there are more."""
    with StripeEmulator(catalog=shop_with(101)) as emulator:
        page = connect(emulator).entitlements.features.list({"limit": 200})
        assert (len(page.data), page.has_more) == (100, True)


@pytest.mark.parametrize(
    ("query", "code", "param_and_message"),
    [
        ("limit=abc", "parameter_invalid_integer", ("limit", "Invalid integer: abc")),
        ("limit=1.5", "parameter_invalid_integer", ("limit", "Invalid integer: 1.5")),
        ("starting_after=cus_x", "resource_missing", ("starting_after", "No such customer: 'cus_x'")),
        ("ending_before=cus_x", "resource_missing", ("ending_before", "No such customer: 'cus_x'")),
        (
            "starting_after={0}&ending_before={1}",
            None,
            (None, "Received both starting_after and ending_before parameters. Please pass in only one."),
        ),
        (
            "starting_after={0}&ending_before=cus_x",
            "resource_missing",
            ("ending_before", "No such customer: 'cus_x'"),
        ),
    ],
)
def test_bad_cursors_and_limits_are_refused_with_400(wire, customers, query, code, param_and_message):
    """A cursor that names nothing is 400, not 404, and is found out before the rule of one cursor."""
    answer = wire("GET", "/v1/customers?" + query.format(*customers))
    error = answer.body["error"]
    assert (answer.status, error.get("code")) == (400, code)
    assert (error.get("param"), error["message"]) == param_and_message


def test_a_cursor_revoked_between_two_pages_is_refused(client, emulator):
    """An entitlement that has gone is no cursor any more: 400 `resource_missing` (R61)."""
    customer = emulator.customer()
    subscription = emulator.subscribe(customer, "pro")
    listed = client.entitlements.active_entitlements.list
    first = listed({"customer": customer, "limit": 1})
    assert first.has_more is True
    emulator.cancel(subscription)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        listed({"customer": customer, "limit": 1, "starting_after": first.data[0].id})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "starting_after")


def test_the_envelope_names_its_path(wire):
    """A list's url is the path that was asked, without the query."""
    assert wire("GET", "/v1/products/prod_pro/features?limit=1").body["url"] == "/v1/products/prod_pro/features"
    assert wire("GET", "/v1/customers?limit=1").body == {
        "object": "list",
        "data": [],
        "has_more": False,
        "url": "/v1/customers",
    }


# Everything, exactly once


def both_ways(listed, *, backwards=True):
    """Walk a list from its newest and, where it can be, from its oldest; give the ids of each walk."""
    forwards = [one.id for one in listed(limit=100).auto_paging_iter()]
    if not backwards:
        return forwards, None
    rest = [one.id for one in listed(limit=100, ending_before=forwards[-1]).auto_paging_iter()]
    return forwards, [forwards[-1], *rest]


def test_501_features_are_paged_exactly_both_ways(connect):
    """The official client finds each of 501 features once, newest first, and backwards in the opposite order."""
    with StripeEmulator(catalog=shop_with(501)) as emulator:
        client = connect(emulator)
        forwards, backwards = both_ways(lambda **params: client.entitlements.features.list(params))
        named = [client.entitlements.features.retrieve(forwards[place]).lookup_key for place in (0, -1)]
        assert named == ["feature_500", "feature_000"]
        assert len(set(forwards)) == len(forwards) == 501
        assert backwards == forwards[::-1]
        attached, back = both_ways(lambda **params: client.products.features.list("prod_all", params))
        assert len(set(attached)) == len(attached) == 501
        assert back == attached[::-1]


def test_250_entitlements_are_paged_exactly_both_ways(connect):
    """The official client finds each of 250 entitlements once, by the list and by the summary's own url."""
    with StripeEmulator(catalog=shop_with(250)) as emulator:
        client = connect(emulator)
        customer = emulator.customer()
        emulator.subscribe(customer, "all")
        listed = client.entitlements.active_entitlements.list
        forwards, backwards = both_ways(lambda **params: listed({"customer": customer, **params}))
        assert len(set(forwards)) == len(forwards) == 250
        assert backwards == forwards[::-1]
        kind = "entitlements.active_entitlement_summary.updated"
        inlined = client.events.list({"type": kind}).data[0].data.object["entitlements"]
        assert [one.id for one in inlined.auto_paging_iter()] == forwards


def test_120_payment_attempts_are_paged_exactly(connect):
    """The official client finds each of 120 attempts once, newest first; this list only goes forwards."""
    with StripeEmulator() as emulator:
        report = "/v1/payment_records/report_payment"
        first = {"outcome": "failed", "failed": {"failed_at": 1}, "initiated_at": 1}
        paid = {
            "payment_method_details": {"payment_method": "pm_1"},
            "amount_requested": {"currency": "usd", "value": 9},
        }
        record = emulator.request("POST", report, **first, **paid)
        made = [record["latest_payment_attempt_record"]]
        for _ in range(119):
            again = emulator.request("POST", f"/v1/payment_records/{record['id']}/report_payment_attempt", **first)
            made.append(again["latest_payment_attempt_record"])
        listed = connect(emulator).payment_attempt_records.list
        forwards, _ = both_ways(lambda **params: listed({"payment_record": record["id"], **params}), backwards=False)
        assert forwards == made[::-1]
        assert len(set(forwards)) == 120
