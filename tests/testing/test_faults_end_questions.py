"""The library and `requests` behind the fault proxy: an answer in time whatever the network does, and a recovery."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

import pytest
import requests
from controlled import wait_for

from entitlements import Entitlements, Freshness, Limits, Reason, Source
from entitlements.emulator import StripeEmulator
from entitlements.stripe import Stripe, StripeConnectionError
from entitlements.testing import FaultProxy

CATALOG = {"features": {"exports": "Exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
DEADLINE = 0.4
SLACK = 0.6  # seconds, for a machine that has other things to do

FAULTS = {
    "latency": lambda proxy: proxy.latency(5),
    "drop": lambda proxy: proxy.drop(),
    "black hole": lambda proxy: proxy.black_hole(),
    "stall": lambda proxy: proxy.stall(),
    "reset": lambda proxy: proxy.reset(),
    "drip": lambda proxy: proxy.drip(bytes_per_second=20),
    "cut in the header": lambda proxy: proxy.cut(after=20),
    "cut in the body": lambda proxy: proxy.cut(after=300),
    "cut before a byte": lambda proxy: proxy.cut(after=0),
    "half-close to the client": lambda proxy: proxy.half_close("client"),
    "half-close to the server": lambda proxy: proxy.half_close("server"),
    "half-close to both": lambda proxy: proxy.half_close("both"),
    "refuse": lambda proxy: proxy.refuse(),
    "a reply that waits to be swapped": lambda proxy: proxy.swap_replies(),
}
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.fixture(name="stripe", scope="module")
def _stripe():
    with StripeEmulator(catalog=CATALOG) as stripe:
        for customer in ("cus_seen", "cus_new", "cus_later"):
            stripe.subscribe(stripe.customer(customer), "pro")
        with Entitlements(stripe.api_key, api_base=stripe.url) as ents:
            wait_for(lambda: ents.has_feature("cus_seen", "exports"))  # whatever the first question loads is loaded
        yield stripe


@pytest.fixture(name="proxy")
def _proxy(stripe):
    with FaultProxy(stripe.url) as proxy:
        yield proxy


def entitlements(proxy, deadline=DEADLINE, **options):
    limits = Limits(deadline=deadline, brief_deadline=0.1, requests_per_second=1_000)
    return Entitlements("sk_test_emulator", api_base=proxy.url, strict=False, limits=limits, **options)


@each_fault
def test_r72_r07_a_cold_question_ends_within_its_deadline_and_recovers(proxy, fault):
    """Cannot tell, by the deadline and never a no; once healed the next customer is answered, without a restart."""
    fault(proxy)
    with entitlements(proxy) as ents:
        began = monotonic()
        decision = ents.check("cus_new", "exports")
        took = monotonic() - began
        assert (decision.reason, decision.source) == (Reason.UNAVAILABLE, Source.NONE)
        assert took < DEADLINE + SLACK
        proxy.heal()
        wait_for(lambda: ents.has_feature("cus_later", "exports"))


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "a reply that waits to be swapped"])
def test_r07_a_connection_that_was_open_may_die_in_any_way(proxy, fault):
    """A customer seen lately stays in, a new one is answered by the deadline; healed, whoever comes is answered."""
    with entitlements(proxy, freshness=Freshness(ttl=0.05, stale_while_revalidate=0)) as ents:
        wait_for(lambda: ents.has_feature("cus_seen", "exports"))
        FAULTS[fault](proxy)
        wait_for(lambda: ents.check("cus_seen", "exports").source is Source.STALE)
        began = monotonic()
        assert ents.check("cus_new", "exports").reason is Reason.UNAVAILABLE
        assert monotonic() - began < DEADLINE + SLACK
        assert ents.has_feature("cus_seen", "exports")
        proxy.heal()
        wait_for(lambda: ents.has_feature("cus_later", "exports"))


def test_who_was_admitted_on_what_was_known_is_looked_up_again(proxy):
    """An allow that was stale while the link was dead is fetched anew once it lives."""
    with entitlements(proxy, freshness=Freshness(ttl=0.05, stale_while_revalidate=0)) as ents:
        wait_for(lambda: ents.has_feature("cus_seen", "exports"))
        proxy.black_hole()
        wait_for(lambda: ents.check("cus_seen", "exports").source is Source.STALE)
        proxy.heal()
        wait_for(lambda: ents.check("cus_seen", "exports").source is Source.FETCHED)


def test_a_fault_that_strikes_once_is_not_noticed(proxy):
    """A new connection that is dropped, reset or cut once is tried again within the question."""
    with entitlements(proxy, deadline=5) as ents:
        for number, (customer, fault) in enumerate(
            {"cus_seen": proxy.drop, "cus_new": proxy.reset, "cus_later": partial(proxy.cut, after=300)}.items(), 1
        ):
            proxy.reset()  # so that the question needs a connection of its own
            proxy.heal()
            fault(times=1)
            assert ents.has_feature(customer, "exports")
            assert proxy.connections == 2 * number


def test_a_connection_that_is_reset_as_it_is_made_is_no_answer_like_any_other(stripe, proxy):
    """However early the reset comes, the client says that Stripe did not answer, and in its own words."""
    with Stripe(stripe.api_key, api_base=proxy.url, max_retries=0) as client:
        proxy.reset()
        for _ in range(30):
            with pytest.raises(StripeConnectionError, match="Stripe did not answer"):
                client.active_entitlements.list("cus_seen")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", requests.ConnectionError),
        ("reset", requests.ConnectionError),
        ("refuse", requests.ConnectionError),
        ("half-close to the client", requests.ConnectionError),
        ("cut before a byte", requests.ConnectionError),
        ("black hole", requests.ReadTimeout),
        ("stall", requests.ReadTimeout),
        ("latency", requests.ReadTimeout),
        ("cut in the body", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_requests_sees_each_fault_as_what_it_is(stripe, proxy, fault, error):
    """A client that knows nothing of the proxy gets the error that the network itself would give it."""
    with requests.Session() as session:
        session.auth = (stripe.api_key, "")
        url = f"{proxy.url}/v1/prices"
        assert session.get(url, timeout=5).ok
        FAULTS[fault](proxy)
        for _ in range(2):  # on the open connection, and on a new one
            with pytest.raises(error):
                session.get(url, timeout=0.2)
        proxy.heal()
        assert session.get(url, timeout=5).ok


def test_r72_a_drip_outlives_every_read_timeout(stripe, proxy):
    """That is why there has to be a deadline for the whole: `requests` alone waits as long as bytes come."""
    with requests.Session() as session:
        proxy.drip(bytes_per_second=500)
        began = monotonic()
        assert session.get(f"{proxy.url}/v1/prices", auth=(stripe.api_key, ""), timeout=1).ok
        assert monotonic() - began > 1


def test_r10_two_replies_in_flight_reach_each_other_s_client(stripe, proxy):
    """What a shared connection can do to two customers: whoever reads a value has to find its owner named in it."""

    def ask(customer):
        reply = requests.get(f"{proxy.url}/v1/customers/{customer}", auth=(stripe.api_key, ""), timeout=5)
        return reply.json()["id"]

    proxy.swap_replies()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, ["cus_seen", "cus_new"])) == ["cus_new", "cus_seen"]
        assert list(pool.map(ask, ["cus_seen", "cus_new"])) == ["cus_seen", "cus_new"]
