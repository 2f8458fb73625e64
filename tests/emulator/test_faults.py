"""Faults on request, and an emulator that can't be reached."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
import requests
import stripe
from emulator_receiver import Receiver

from entitlements.emulator import REALISTIC, Limits, Profile, StripeEmulator
from entitlements.emulator.limits import Gauge
from entitlements.emulator.resources import ROUTES

LIST = "/v1/entitlements/active_entitlements"


def test_a_status_is_answered_as_often_as_told(emulator, client):
    """Two 500s and the third request is served; other routes never notice."""
    customer = emulator.customer()
    fault = emulator.faults.status(500, "GET", LIST, times=2)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.entitlements.active_entitlements.list({"customer": customer})
        assert client.customers.retrieve(customer).id == customer
    assert client.entitlements.active_entitlements.list({"customer": customer}).data == []
    assert (fault.hits, emulator.count("GET", LIST)) == (2, 3)


@pytest.mark.parametrize(
    ("advice", "header"), [(True, "true"), (False, "false"), (None, None)], ids=["retry", "give up", "no advice"]
)
def test_a_500_may_advise_the_client(emulator, wire, advice, header):
    """`Stripe-Should-Retry` says true, false or nothing, beside Stripe's own kind of error."""
    emulator.faults.status(500, should_retry=advice)
    answer = wire("GET", "/v1/customers")
    assert (answer.status, answer.body["error"]["type"]) == (500, "api_error")
    assert answer.headers.get("Stripe-Should-Retry") == header


def test_a_rate_limit_is_stripes(emulator, client):
    """A 429 has Stripe's words, type and code, and says which limit it was."""
    emulator.faults.rate_limit(path="/v1/customers*", reason="endpoint-rate")
    with pytest.raises(
        stripe.RateLimitError, match=r"^Request req_.*: Testmode request rate limit exceeded"
    ) as limited:
        client.customers.list()
    error = limited.value.error.to_dict()
    assert {name: error[name] for name in ("code", "type", "doc_url")} == {
        "code": "rate_limit",
        "type": "invalid_request_error",
        "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
    }
    assert limited.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"


def test_an_object_in_use_is_another_429(emulator, client):
    """A lock timeout has a code of its own, and no limit's name."""
    emulator.faults.lock_timeout("POST")
    with pytest.raises(stripe.RateLimitError, match="cannot be accessed right now") as locked:
        client.customers.create()
    assert (locked.value.error.code, locked.value.headers.get("Stripe-Rate-Limited-Reason")) == ("lock_timeout", None)


def test_chance_comes_out_the_same_with_the_same_seed(emulator, client):
    """Faults that strike sometimes strike the same requests again."""

    def struck():
        emulator.faults.clear()
        emulator.faults.sometimes(0.3, seed=5).status(500)
        return [_fails(client.customers.list) for _ in range(20)]

    first = struck()
    assert first == struck()
    assert 0 < sum(first) < 20
    with pytest.raises(ValueError, match="must be between 0"):
        emulator.faults.sometimes(1.5)


def _fails(ask):
    try:
        ask()
    except stripe.APIError:
        return True
    return False


def test_a_body_may_be_nonsense(emulator):
    """What is answered can be anything, for clients that must cope."""
    emulator.faults.status(200, body="<html>")
    assert requests.get(emulator.url + "/v1/customers", timeout=5).text == "<html>"


def test_a_hang_holds_requests_until_it_is_released(emulator, client):
    """A held request is served once the fault lets go, and others pass meanwhile."""
    hang = emulator.faults.hang("GET", LIST)
    customer = emulator.customer()
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(client.entitlements.active_entitlements.list({"customer": customer}).data)
    )
    asking.start()
    while not hang.holding:
        asking.join(0.001)
    assert client.customers.retrieve(customer).id == customer
    assert answers == []
    hang.release()
    asking.join(5)
    assert answers == [[]]


def test_a_delay_takes_its_time(emulator, client):
    """An answer comes, but not before the delay is over."""
    emulator.faults.delay(0.05, "GET", "/v1/customers", times=1)
    begun = time.monotonic()
    client.customers.list()
    assert time.monotonic() - begun >= 0.05


def test_a_reset_drops_the_connection(emulator, client):
    """The client sees a broken connection, and after `clear` all is well."""
    emulator.faults.reset()
    with pytest.raises(stripe.APIConnectionError):
        client.customers.list()
    emulator.faults.clear()
    assert client.customers.list().data == []


def test_half_a_page_is_a_broken_connection(emulator, client):
    """The length is announced rightly, and the connection ends in the middle: no client takes that for an answer."""
    emulator.customer()
    emulator.faults.half("GET", "/v1/customers", times=1)
    with pytest.raises(stripe.APIConnectionError, match="IncompleteRead"):
        client.customers.list()
    assert len(client.customers.list().data) == 1


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_drip_outlasts_every_read_timeout(emulator, part):
    """An answer that comes a byte at a time is whole in the end, and no read timeout cuts it short."""
    emulator.customer()
    drip = emulator.faults.drip(0.0005, path="/v1/customers", part=part)
    begun = time.monotonic()
    answer = requests.get(emulator.url + "/v1/customers", auth=("sk_test_1", ""), timeout=0.25)
    assert len(answer.json()["data"]) == 1
    assert time.monotonic() - begun > 0.25
    assert answer.headers["Connection"] == "close"
    assert drip.hits == 1


def test_a_released_drip_runs(emulator):
    """Once the fault is taken back, the rest of the answer comes at once."""
    drip = emulator.faults.drip(60, path="/v1/customers")
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(emulator.url + "/v1/customers", auth=("sk_test_1", ""), timeout=30))
    )
    asking.start()
    while not drip.holding:
        asking.join(0.001)
    drip.release()
    asking.join(5)
    assert answers[0].json()["data"] == []


def test_an_empty_page_may_claim_that_more_follow(emulator, client):
    """A list says `has_more` over nothing, which the official client stumbles over; what is no list is spared."""
    customer = emulator.customer()
    fault = emulator.faults.empty_page()
    assert client.customers.retrieve(customer).id == customer
    page = client.customers.list()
    assert (page.data, page.has_more, fault.hits) == ([], True, 1)
    with pytest.raises(IndexError):
        list(client.customers.list().auto_paging_iter())


def test_an_empty_page_further_on_ends_a_list_early(emulator, client):
    """The official client takes an empty second page for the end: half a list, and no error."""
    for _ in range(4):
        emulator.customer()
    pages = client.customers.list({"limit": 2}).auto_paging_iter()
    first = [next(pages), next(pages)]
    emulator.faults.empty_page("/v1/customers")
    assert len(first + list(pages)) == 2


def test_a_cursor_may_be_revoked(emulator, client):
    """The next page is refused as if the object its cursor names were gone; a page without a cursor is not."""
    ids = [emulator.customer() for _ in range(3)]
    fault = emulator.faults.revoked_cursor()
    page = client.customers.list({"limit": 2})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        list(page.auto_paging_iter())
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (
        400,
        "resource_missing",
        "starting_after",
    )
    assert f"No such customer: '{ids[1]}'" in str(refused.value)
    assert fault.hits == 1


def test_a_list_may_lag_behind_its_event(emulator, client):
    """For so many requests a customer's list is as before the change, page by page; others' are not."""
    emulator.attach("pro", "audit")
    alice, bob = emulator.customer(), emulator.customer()
    first = emulator.subscribe(alice, "pro")
    lag = emulator.faults.lag(requests=4)
    held = client.entitlements.active_entitlements

    def keys(customer, **params):
        return {one.lookup_key for one in held.list({"customer": customer, **params}).auto_paging_iter()}

    emulator.subscribe(bob, "starter")
    emulator.cancel(first)
    assert keys(alice, limit=1) == {"exports", "sso", "audit"}  # three requests
    assert keys(alice) == {"exports", "sso", "audit"}
    assert keys(alice) == set()
    assert [keys(bob) for _ in range(5)] == [set()] * 4 + [{"exports"}]
    assert lag.hits == 8
    assert emulator.entitlements(bob) == ("exports",)


def test_a_lag_of_some_seconds_ends_by_itself(emulator, held):
    """The old list is given until the seconds are over, the list of the embedded URL with it."""
    alice = emulator.customer()
    emulator.faults.lag(seconds=0.2)
    emulator.subscribe(alice, "starter")
    begun = time.monotonic()
    assert held(alice) == set()
    while held(alice) == set():
        assert time.monotonic() - begun < 5
    assert time.monotonic() - begun > 0.19


def test_a_lag_counts_from_the_sending_of_the_event(emulator, held):
    """As long as the event is held back the list stays old, and so many requests after."""
    with Receiver() as receiver:
        emulator.webhook(receiver.url, ["entitlements.active_entitlement_summary.updated"])
        hold = emulator.webhook_faults.hold()
        emulator.faults.lag(requests=1)
        alice = emulator.customer()
        emulator.subscribe(alice, "starter")
        assert [held(alice) for _ in range(3)] == [set()] * 3
        hold.release()
        assert emulator.delivered()
        assert [held(alice) for _ in range(2)] == [set(), {"exports"}]


def test_a_lag_leaves_no_trace(emulator, client):
    """An answer from the past changes nothing: ids, order and cursors are the same afterwards."""
    alice = emulator.customer()
    emulator.subscribe(alice, "pro")
    before = client.entitlements.active_entitlements.list({"customer": alice})
    lag = emulator.faults.lag(requests=5)
    subscription = emulator.subscribe(alice, "starter")
    emulator.cancel(subscription)
    for subscription in client.subscriptions.list({"customer": alice}).data:
        emulator.cancel(subscription.id)
    assert client.entitlements.active_entitlements.list({"customer": alice}) == before
    lag.release()
    assert client.entitlements.active_entitlements.list({"customer": alice}).data == []


def test_a_limit_that_is_exceeded_answers_429(connect):
    """The request beyond the limit is refused as Stripe refuses it, and a little later there is room again."""
    with StripeEmulator(profile=Profile(limits=Limits(account=2))) as emulator:
        client = connect(emulator)
        client.customers.list()
        client.customers.list()
        with pytest.raises(stripe.RateLimitError, match="Testmode request rate limit exceeded") as limited:
            client.customers.list()
        assert limited.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
        assert _insist(client.customers.list).data == []


def test_a_sandbox_has_twenty_five_requests_a_second():
    """The published limit is a bucket of 25 that fills up within a second."""
    now = [0.0]
    gauge = Gauge(Limits(), lambda: now[0])
    assert [gauge.exceeded("", None) for _ in range(26)] == [None] * 25 + ["global-rate"]
    now[0] += 0.041
    assert [gauge.exceeded("", None) for _ in range(2)] == [None, "global-rate"]
    now[0] += 10
    assert [gauge.exceeded("", None) for _ in range(26)] == [None] * 25 + ["global-rate"]


def test_each_limit_has_its_name_and_its_own_count():
    """Accounts, operations, files and one subscription's items are counted apart, all ids of one operation together."""
    now = [0.0]
    gauge = Gauge(Limits(account=100, operation=3, files=2, quantity_updates=4), lambda: now[0])
    prices, products, update = (
        next(route for route in ROUTES if (route.method, route.path) == named)
        for named in (
            ("GET", "/v1/prices/{price}"),
            ("GET", "/v1/products/{id}"),
            ("POST", "/v1/subscriptions/{subscription}"),
        )
    )
    assert [gauge.exceeded("", prices) for _ in range(4)] == [None, None, None, "endpoint-rate"]
    assert [gauge.exceeded("acct_1", prices), gauge.exceeded("", products)] == [None, None]
    for _ in range(4):
        now[0] += 1
        assert gauge.exceeded("", update, "sub_1") is None
    now[0] += 1
    assert [gauge.exceeded("", update, each) for each in ("sub_1", "sub_2")] == ["resource-specific", None]
    now[0] += 1
    assert [gauge.exceeded("", None) for _ in range(101)] == [None] * 100 + ["global-rate"]


def test_a_rough_day_loses_nothing_for_a_client_that_tries_again():
    """Through limits, faults and lost answers everything is done, and done once, by idempotency keys."""
    rough = Profile(limits=Limits(), mischief=0.02, seed=3)
    with StripeEmulator(profile=rough, serve=False) as emulator:
        customers = stripe.StripeClient("sk_test_1", http_client=emulator.http_client()).v1.customers
        made = [_insist(customers.create, {"name": str(n)}, {"idempotency_key": str(n)}) for n in range(40)]
        listed = emulator.request("GET", "/v1/customers", limit=100)["data"]
        assert [one["id"] for one in reversed(listed)] == [one.id for one in made]
        assert emulator.count() > 40


def _insist(ask, *args):
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        with contextlib.suppress(stripe.StripeError):
            return ask(*args)
        threading.Event().wait(0.02)
    raise AssertionError("never let through")


def test_the_realistic_profile_has_a_name_and_the_published_limits():
    """`realistic` is what anyone can build: the sandbox's limits, a little latency, lag and mischief."""
    with StripeEmulator(profile="realistic", serve=False) as emulator:
        session = requests.Session()
        session.mount(emulator.url, emulator.adapter())
        begun = time.monotonic()
        assert session.get(f"{emulator.url}/v1/customers", auth=("sk_test_1", "")).json()["data"] == []
        assert time.monotonic() - begun >= REALISTIC.latency
    assert REALISTIC.limits == Limits(account=25, operation=25, files=20, quantity_updates=200)
    assert (REALISTIC.latency > 0, REALISTIC.lag > 0, REALISTIC.mischief > 0) == (True, True, True)


def test_what_a_profile_strikes_depends_on_its_seed_alone():
    """The same seed and the same requests give the same faults; what is set by hand is not touched."""

    def struck(seed):
        with StripeEmulator(profile=Profile(mischief=0.05, seed=seed), serve=False) as emulator:
            fates = emulator._open.front._faults[1]
            found = [fates.striking("POST", "/v1/customers", lists=False) for _ in range(100)]
            assert emulator.faults.listed() == ()
            return [None if fault is None else (fault.kind, fault.status, fault.when) for fault in found]

    assert struck(1) == struck(1) != struck(2)


def test_a_profile_nobody_knows_is_refused():
    """The name must be `realistic`."""
    with pytest.raises(ValueError, match="must be 'realistic'"):
        StripeEmulator(profile="idealistic")


def test_a_paused_emulator_refuses_connections_and_comes_back_where_it_was(emulator, client):
    """While paused the port is closed; after resume the same address serves the same state."""
    customer = emulator.customer()
    client.customers.list()  # a connection kept alive, to be cut
    emulator.pause()
    with pytest.raises(stripe.APIConnectionError):
        client.customers.list()
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(emulator.url, timeout=5)
    emulator.subscribe(customer, "pro")
    emulator.resume()
    held = client.entitlements.active_entitlements.list({"customer": customer}).data
    assert {one.lookup_key for one in held} == {"exports", "sso"}


def test_a_stop_waits_for_no_fault():
    """An emulator with requests hanging stops at once, and the clients' connections end."""
    with StripeEmulator() as emulator:
        hang = emulator.faults.hang()
        slow = emulator.faults.delay(60, path="/slow")
        errors = []

        def ask(path):
            with pytest.raises(requests.ConnectionError):
                requests.get(emulator.url + path, timeout=10)
            errors.append(path)

        clients = [threading.Thread(target=ask, args=(path,)) for path in ("/a", "/b")]
        for client in clients:
            client.start()
        while hang.holding < 2:
            clients[0].join(0.001)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    for client in clients:
        client.join(5)
    assert sorted(errors) == ["/a", "/b"]
    assert slow.hits == 0


def test_requests_are_counted_as_they_arrive(emulator, client):
    """The journal has method, path and query of each, and `reset` empties it."""
    client.customers.list({"limit": 3})
    (served,) = emulator.requests
    assert (served.method, served.path, served.query) == ("GET", "/v1/customers", "limit=3")
    assert emulator.count() == emulator.count("GET") == emulator.count("GET", "/v1/*") == 1
    assert emulator.count("POST") == 0
    emulator.reset()
    assert emulator.requests == ()
