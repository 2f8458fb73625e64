"""Faults on request, and an emulator that can't be reached."""

from __future__ import annotations

import threading
import time

import pytest
import requests
import stripe

from entitlements.emulator import StripeEmulator

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


def test_a_rate_limit_carries_its_headers(emulator, client):
    """A 429 has Stripe's type and code, and the headers one gives it."""
    emulator.faults.status(429, path="/v1/customers*", headers={"Stripe-Rate-Limited-Reason": "global-rate"})
    with pytest.raises(stripe.RateLimitError) as limited:
        client.customers.list()
    assert (limited.value.error.code, limited.value.error.type) == ("rate_limit", "invalid_request_error")
    assert limited.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"


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
