"""Webhooks and the event list: told once it is so, signed, in order, and again until it is heard."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest
import stripe
from emulator_receiver import Receiver

from entitlements.emulator import Clock, StripeEmulator
from entitlements.emulator.odds import Odds


def read(received, secret):
    return stripe.Webhook.construct_event(received.body, received.signature, secret)


def test_a_purchase_is_told_signed_and_in_order(emulator, receiver, client):
    """The official client verifies each event, and they come in the order of the changes."""
    secret = emulator.webhook(receiver.url)
    customer = client.customers.create().id
    client.subscriptions.create({"customer": customer, "items": [{"price": "price_pro"}]})
    received = receiver.wait_for(3)
    events = [read(one, secret) for one in received]
    assert [event.type for event in events] == [
        "customer.created",
        "customer.subscription.created",
        "entitlements.active_entitlement_summary.updated",
    ]
    assert {one.path for one in received} == {"/webhooks"}
    assert received[0].headers["Content-Type"] == "application/json; charset=utf-8"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(received[0].body + b" ", received[0].signature, secret)


def test_the_summary_event_is_as_stripe_sends_it(emulator, receiver, client):
    """Each member of the event is there, the summary without an id, the request unnamed, the former list capped."""
    secret = emulator.webhook(receiver.url, ["entitlements.active_entitlement_summary.updated"])
    customer = emulator.customer()
    emulator.subscribe(customer, "starter")
    event = read(receiver.wait_for(1)[0], secret)
    held = [one.to_dict() for one in client.entitlements.active_entitlements.list({"customer": customer}).data]
    assert event.to_dict() == {
        "id": event.id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": event.created,
        "data": {
            "object": {
                "object": "entitlements.active_entitlement_summary",
                "customer": customer,
                "entitlements": {
                    "object": "list",
                    "data": held,
                    "has_more": False,
                    "url": f"/v1/customer/{customer}/entitlements",
                },
                "livemode": False,
            },
            "previous_attributes": {"entitlements": {"data": []}},
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "entitlements.active_entitlement_summary.updated",
    }


def test_an_event_names_the_request_that_caused_it(client):
    """Other events than the summary carry the request's id and its idempotency key."""
    customer = client.customers.create({}, {"idempotency_key": "key-1"})
    event = client.events.list({"type": "customer.created"}).data[0]
    assert event.request.to_dict() == {"id": customer.last_response.request_id, "idempotency_key": "key-1"}


def test_a_refused_webhook_comes_again_signed_afresh():
    """After a 500, a redirect and a 404 the same event comes once more, and its attempts can be inspected."""
    with Receiver(500, 302, 404) as receiver, StripeEmulator(retries=(0.01, 0.01, 0.01)) as emulator:
        secret = emulator.webhook(receiver.url)
        emulator.customer("cus_alice")
        received = receiver.wait_for(4)
        assert emulator.delivered()
        assert len({read(one, secret).id for one in received}) == 1
        (delivery,) = emulator.deliveries()
        assert (delivery.type, delivery.state) == ("customer.created", "succeeded")
        assert [attempt.status for attempt in delivery.attempts] == [500, 302, 404, 200]


def test_a_webhook_nobody_takes_is_given_up_and_stays_listed(connect):
    """When every try is used up the event still says so, to those who look for it."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with StripeEmulator(retries=(0.01,)) as emulator:
            emulator.webhook(url)
            emulator.customer()
            assert emulator.delivered()
            (delivery,) = emulator.deliveries()
            assert delivery.state == "failed"
            assert [attempt.status for attempt in delivery.attempts] == [None, None]
            assert "ConnectionRefusedError" in delivery.attempts[0].error
            events = connect(emulator).events
            assert [event.id for event in events.list({"delivery_success": False}).data] == [delivery.event]
            assert events.list({"delivery_success": True}).data == []
            assert events.retrieve(delivery.event).pending_webhooks == 1


def test_a_broken_receiver_holds_up_nobody_else(emulator, receiver):
    """Each endpoint has a lane of its own, and a refused event doesn't hold back those behind it."""
    with Receiver(*[500] * 100) as broken:
        emulator.webhook(broken.url)
        emulator.webhook(receiver.url)
        for _ in range(5):
            emulator.customer()
        assert len(receiver.wait_for(5)) == 5
        assert len({json.loads(one.body)["id"] for one in broken.wait_for(20)}) == 5


def test_an_endpoint_hears_only_what_it_listens_for(emulator, receiver):
    """`enabled_events` chooses."""
    emulator.webhook(receiver.url, ["customer.deleted"])
    customer = emulator.customer()
    emulator.request("DELETE", f"/v1/customers/{customer}")
    assert [json.loads(one.body)["type"] for one in receiver.wait_for(1)] == ["customer.deleted"]
    assert emulator.delivered()
    assert len(emulator.deliveries()) == 1


def test_an_endpoint_lives_and_dies(emulator, client, receiver):
    """The secret is told once; a disabled endpoint hears nothing of what happens meanwhile; a deleted one is gone."""
    endpoints = client.webhook_endpoints
    made = endpoints.create({"url": receiver.url, "enabled_events": ["*"], "description": "mine"})
    assert made.secret.startswith("whsec_")
    read_again = endpoints.retrieve(made.id)
    assert read_again.to_dict() == {name: value for name, value in made.to_dict().items() if name != "secret"}
    assert endpoints.list().data == [read_again]
    assert endpoints.update(made.id, {"disabled": True}).status == "disabled"
    emulator.customer()
    assert endpoints.update(made.id, {"disabled": False, "enabled_events": ["customer.created"]}).status == "enabled"
    unheard = client.customers.create().id
    assert json.loads(receiver.wait_for(1)[0].body)["data"]["object"]["id"] == unheard
    assert endpoints.delete(made.id).to_dict() == {"id": made.id, "object": "webhook_endpoint", "deleted": True}
    emulator.customer()
    assert emulator.delivered()
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"enabled_events": ["*"]}, "url"),
        ({"url": "http://127.0.0.1:1/"}, "enabled_events"),
        ({"url": "http://example.com/", "enabled_events": ["*"]}, "url"),
        ({"url": "ftp://127.0.0.1/", "enabled_events": ["*"]}, "url"),
        ({"url": "http://127.0.0.1:99999/", "enabled_events": ["*"]}, "url"),
        ({"url": "https://example.com/", "enabled_events": ["entitlements.updated"]}, "enabled_events[0]"),
        ({"url": "https://example.com/", "enabled_events": []}, "enabled_events"),
    ],
)
def test_a_bad_endpoint_is_refused(client, params, param):
    """A plain http URL must name this machine, and event types must exist."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.webhook_endpoints.create(params)
    assert (refused.value.http_status, refused.value.param) == (400, param)


def test_there_are_at_most_sixteen_endpoints(client):
    """The seventeenth is refused."""
    for number in range(16):
        client.webhook_endpoints.create(
            {"url": f"https://example.com/{number}", "enabled_events": ["customer.created"]}
        )
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 16"):
        client.webhook_endpoints.create({"url": "https://example.com/", "enabled_events": ["customer.created"]})


def test_the_same_url_gives_the_same_secret(emulator, receiver):
    """Asking twice from Python makes one endpoint."""
    assert emulator.webhook(receiver.url) == emulator.webhook(receiver.url)


def test_events_are_found_by_type_time_and_id(emulator, client):
    """A type may end in `*`, several may be named, and bounds of `created` are kept."""
    customer = emulator.customer()
    emulator.subscribe(customer, "pro")
    now = emulator.clock.now()
    listed = client.events.list

    def types(**params):
        return [event.type for event in listed({"limit": 100, **params}).data]

    assert types(type="customer.created") == ["customer.created"]
    assert types(type="customer.*") == ["customer.subscription.created", "customer.created"]
    assert types(types=["customer.created", "customer.subscription.created"]) == types(type="customer.*")
    assert len(types()) == len(types(created={"gte": now - 60, "lte": now})) == 7
    assert types(created={"gt": now}) == types(created={"lt": now - 60}) == []
    event = listed({"limit": 1}).data[0]
    assert client.events.retrieve(event.id) == event
    with pytest.raises(stripe.InvalidRequestError, match="both type and types"):
        listed({"type": "a", "types": ["b"]})


def test_events_can_be_reached_for_thirty_days(emulator, client):
    """After that they are gone."""
    emulator.customer()
    event = client.events.list({"type": "customer.created"}).data[0]
    emulator.advance(days=30)
    assert client.events.retrieve(event.id).id == event.id
    emulator.advance(seconds=1)
    assert client.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.events.retrieve(event.id)


def test_an_update_that_changes_nothing_sends_nothing(emulator, client):
    """Saying again what is so already is no event."""
    customer = client.customers.create({"name": "Alice"})
    client.customers.update(customer.id, {"name": "Alice"})
    assert client.events.list({"type": "customer.updated"}).data == []


def types(receiver, count):
    return [json.loads(one.body)["type"] for one in receiver.wait_for(count)]


PURCHASE = ["customer.created", "customer.subscription.created", "entitlements.active_entitlement_summary.updated"]


def test_a_disabled_endpoint_is_left_alone_until_it_is_enabled_again(client):
    """Disabling stops what is still to be sent; enabled again, it goes on where it stood."""
    with Receiver(500) as receiver, StripeEmulator(retries=(0.05,) * 40) as emulator:
        secret = emulator.webhook(receiver.url)
        endpoint = emulator.request("GET", "/v1/webhook_endpoints")["data"][0]["id"]
        emulator.webhook_faults.hold(times=1)
        emulator.customer("cus_held")
        emulator.request("POST", f"/v1/webhook_endpoints/{endpoint}", disabled=True)
        emulator.webhook_faults.clear()
        assert not emulator.delivered(0.1)
        assert receiver.received == []
        emulator.request("POST", f"/v1/webhook_endpoints/{endpoint}", disabled=False)
        assert emulator.delivered()
        assert [read(one, secret).data.object.id for one in receiver.received] == ["cus_held"] * 2
        assert [attempt.status for attempt in emulator.deliveries()[0].attempts] == [500, 200]


def test_a_deleted_endpoint_is_sent_nothing_more():
    """Deleting drops what is to be tried again, and says so."""
    with Receiver(*[500] * 100) as receiver, StripeEmulator(retries=(60.0,)) as emulator:
        emulator.webhook(receiver.url)
        emulator.customer()
        receiver.wait_for(1)
        endpoint = emulator.request("GET", "/v1/webhook_endpoints")["data"][0]["id"]
        emulator.request("DELETE", f"/v1/webhook_endpoints/{endpoint}")
        assert emulator.delivered()
        assert [delivery.state for delivery in emulator.deliveries()] == ["dropped"]
        assert len(receiver.received) == 1


def test_webhooks_may_be_held_back(emulator, receiver):
    """Held deliveries wait for the release and then come in their order; other types pass them."""
    emulator.webhook(receiver.url)
    hold = emulator.webhook_faults.hold("customer.*")
    emulator.subscribe(emulator.customer(), "pro")
    assert types(receiver, 1) == PURCHASE[2:]
    assert not emulator.delivered(0.02)
    assert (hold.hits, [delivery.faults for delivery in emulator.deliveries()]) == (2, [("hold",), ("hold",), ()])
    hold.release()
    assert types(receiver, 3) == [PURCHASE[2], *PURCHASE[:2]]
    assert emulator.delivered()


def test_webhooks_may_be_late(emulator, receiver):
    """A delayed delivery comes after its seconds; those behind it don't wait."""
    emulator.webhook(receiver.url)
    emulator.webhook_faults.delay(0.2, "customer.created")
    begun = time.monotonic()
    emulator.subscribe(emulator.customer(), "pro")
    assert types(receiver, 3) == [*PURCHASE[1:], PURCHASE[0]]
    assert time.monotonic() - begun >= 0.2


def test_webhooks_may_come_twice(emulator, receiver):
    """A copy is the same event, signed and listed by itself; the event knows how many it waits for."""
    secret = emulator.webhook(receiver.url)
    fault = emulator.webhook_faults.duplicate("customer.created", copies=2, times=1)
    emulator.customer("cus_a")
    emulator.customer("cus_b")
    events = [read(one, secret) for one in receiver.wait_for(4)]
    assert sorted(event.data.object.id for event in events) == ["cus_a", "cus_a", "cus_a", "cus_b"]
    assert len({event.id for event in events}) == 2
    assert emulator.delivered()
    assert fault.hits == 1
    listed = sorted((len(delivery.faults), delivery.faults, delivery.state) for delivery in emulator.deliveries())
    assert listed == [(0, (), "succeeded"), *[(1, ("duplicate",), "succeeded")] * 3]


def test_webhooks_may_never_come(emulator, receiver, client):
    """A dropped delivery is made to nobody; the event is listed as not delivered."""
    emulator.webhook(receiver.url)
    emulator.webhook_faults.drop("customer.subscription.*")
    emulator.subscribe(emulator.customer(), "pro")
    assert types(receiver, 2) == [PURCHASE[0], PURCHASE[2]]
    assert emulator.delivered()
    (dropped,) = (delivery for delivery in emulator.deliveries() if delivery.state == "dropped")
    assert (dropped.type, dropped.attempts, dropped.faults) == (PURCHASE[1], (), ("drop",))
    assert [event.id for event in client.events.list({"delivery_success": False, "type": "customer.*"}).data] == [
        dropped.event
    ]


def test_webhooks_may_come_in_another_order(emulator, receiver):
    """A full window comes the other way round; what doesn't fill one comes when patience is over."""
    emulator.webhook(receiver.url)
    emulator.webhook_faults.reorder(window=3, patience=0.1)
    emulator.subscribe(emulator.customer(), "pro")
    assert types(receiver, 3) == PURCHASE[::-1]
    assert emulator.delivered()
    by_attempt = sorted(emulator.deliveries(), key=lambda delivery: delivery.attempts[0].number)
    assert [delivery.type for delivery in by_attempt] == PURCHASE[::-1]
    emulator.customer("cus_1")
    emulator.customer("cus_2")
    ids = [json.loads(one.body)["data"]["object"]["id"] for one in receiver.wait_for(5)[3:]]
    assert ids == ["cus_2", "cus_1"]


def test_a_shuffle_is_the_same_for_the_same_seed():
    """The order of a seeded window can be had again, and another seed gives another."""

    def order(seed):
        with Receiver() as receiver, StripeEmulator() as emulator:
            emulator.webhook(receiver.url)
            emulator.webhook_faults.reorder(window=6, seed=seed, patience=30)
            for number in range(6):
                emulator.customer(f"cus_{number}")
            return [json.loads(one.body)["data"]["object"]["id"] for one in receiver.wait_for(6)]

    assert order(1) == order(1) != order(2)


def test_webhook_faults_strike_one_endpoint_or_by_chance(emulator, receiver):
    """An endpoint is named by its id or URL; a chance with a seed strikes the same deliveries again."""
    with Receiver() as other:
        emulator.webhook(receiver.url)
        emulator.webhook(other.url)
        emulator.webhook_faults.drop(endpoint=other.url)
        by_chance = emulator.webhook_faults.sometimes(0.5, seed=4).drop(endpoint=receiver.url)
        for number in range(12):
            emulator.customer(f"cus_{number}")
        assert emulator.delivered()
        assert other.received == []
        came = [json.loads(one.body)["data"]["object"]["id"] for one in receiver.received]
        odds = Odds(0.5, seed=4)
        spared = [f"cus_{number}" for number in range(12) if not odds.happens()]
        assert (came, by_chance.hits) == (spared, 12 - len(spared))


def test_reset_forgets_the_faults_of_webhooks(emulator, receiver):
    """After `reset` webhooks come as ever."""
    emulator.webhook_faults.drop()
    emulator.reset()
    emulator.webhook(receiver.url)
    emulator.customer()
    assert types(receiver, 1) == ["customer.created"]
    assert emulator.webhook_faults.listed() == ()


def test_a_rolled_secret_signs_beside_the_old_one_for_a_while(receiver):
    """Both secrets verify until the overlap is over, then the new one alone; the fake `v0` is there throughout."""
    with StripeEmulator(clock=Clock(1_700_000_000)) as emulator:
        old = emulator.webhook(receiver.url)
        new = emulator.roll_secret(receiver.url, overlap=60)
        emulator.customer()
        emulator.advance(seconds=60)
        emulator.customer()
        both, alone = receiver.wait_for(2)
        for one, secrets in ((both, [new, old]), (alone, [new])):
            parts = [part.partition("=")[0] for part in one.signature.split(",")]
            assert parts == ["t", *["v1"] * len(secrets), "v0"]
            for secret in secrets:
                assert stripe.Webhook.construct_event(one.body, one.signature, secret, tolerance=None).id
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(alone.body, alone.signature, old, tolerance=None)
        assert emulator.webhook(receiver.url) == new
        with pytest.raises(LookupError, match="'we_none' is no endpoint"):
            emulator.roll_secret("we_none")


def test_a_receiver_that_drips_is_given_up(monkeypatch, emulator):
    """The ten seconds an endpoint has are for the whole answer: a byte now and then doesn't renew them."""
    from entitlements.emulator import post

    monkeypatch.setattr(post, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.05):
                    connection.sendall(b"X-More: x\r\n")

        done = threading.Event()
        receiver = threading.Thread(target=drip)
        receiver.start()
        emulator.webhook(f"http://127.0.0.1:{listener.getsockname()[1]}/", ["customer.created"])
        emulator.customer()
        try:
            deadline = time.monotonic() + 5
            while not any(delivery.attempts for delivery in emulator.deliveries()):
                assert time.monotonic() < deadline, "the delivery was never given up"
                done.wait(0.01)
            (delivery,) = emulator.deliveries()
            assert delivery.attempts[0].status is None
        finally:
            done.set()
            receiver.join()


def test_an_endpoint_that_is_gone_leaves_no_thread(emulator):
    """Thirty endpoints made, used and deleted leave no lane behind."""
    before = threading.active_count()
    for _ in range(30):
        emulator.webhook("http://127.0.0.1:9/", ["customer.created"])
        emulator.customer()
        (endpoint,) = emulator.request("GET", "/v1/webhook_endpoints")["data"]
        emulator.request("DELETE", f"/v1/webhook_endpoints/{endpoint['id']}")
    emulator.customer()
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 1:
        assert time.monotonic() < deadline, threading.enumerate()
        threading.Event().wait(0.01)
