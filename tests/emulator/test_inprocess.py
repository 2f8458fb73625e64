"""In process: the official client and `requests` reach the emulator with no port opened, and find the same Stripe."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import requests
import stripe

from entitlements import emulator as emulator_package
from entitlements.emulator import Limits, Profile, StripeEmulator

SHOP = {"features": {"exports": "Data exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
LIST = "/v1/entitlements/active_entitlements"


@pytest.fixture
def emulator():
    with StripeEmulator(catalog=SHOP, serve=False) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    return stripe.StripeClient("sk_test_123", http_client=emulator.http_client(timeout=5)).v1


@pytest.fixture
def session(emulator):
    with requests.Session() as session:
        session.mount(emulator.url, emulator.adapter())
        session.auth = ("sk_test_123", "")
        yield session


def test_nothing_listens(monkeypatch):
    """Without serving no socket is made, and the address leads nowhere."""
    made = []
    monkeypatch.setattr(socket, "socket", lambda *args, **options: made.append(args))
    with StripeEmulator(catalog=SHOP, serve=False) as emulator:
        client = stripe.StripeClient("sk_test_123", http_client=emulator.http_client()).v1
        customer = client.customers.create({"name": "Alice"})
        client.subscriptions.create({"customer": customer.id, "items": [{"price": "price_pro"}]})
        assert [one.lookup_key for one in client.entitlements.active_entitlements.list({"customer": customer.id})] == [
            "exports"
        ]
        assert emulator.url == "http://stripe.invalid"
        assert {thread.name for thread in threading.enumerate() if thread.name.startswith("stripe-emulator")} == set()
    assert made == []


def test_sync_async_requests_and_the_wire_share_one_state():
    """What one way in changes, every other sees, and the journal has them all."""
    with StripeEmulator(catalog=SHOP) as emulator, requests.Session() as session:
        session.mount("https://api.stripe.com", emulator.adapter())
        session.auth = ("sk_test_123", "")
        client = stripe.StripeClient("sk_test_123", http_client=emulator.http_client())
        customer = client.v1.customers.create({"name": "Alice"}).id
        asyncio.run(client.v1.customers.update_async(customer, {"email": "a@example.com"}))
        mounted = session.get(f"https://api.stripe.com/v1/customers/{customer}").json()
        served = requests.get(f"{emulator.url}/v1/customers/{customer}", auth=("sk_test_123", ""), timeout=5)
        assert mounted == served.json() == emulator.request("GET", f"/v1/customers/{customer}")
        assert (mounted["name"], mounted["email"]) == ("Alice", "a@example.com")
        assert [one.method for one in emulator.requests] == ["POST", "POST", "GET", "GET"]


def test_the_class_style_reaches_it_too(emulator, monkeypatch):
    """`stripe.api_key` with `stripe.default_http_client` is enough."""
    monkeypatch.setattr(stripe, "api_key", "sk_test_123")
    monkeypatch.setattr(stripe, "default_http_client", emulator.http_client())
    made = stripe.entitlements.Feature.create(lookup_key="sso", name="Sign-on")
    assert [one.id for one in stripe.entitlements.Feature.list(lookup_key="sso").auto_paging_iter()] == [made.id]


def test_errors_are_those_of_the_wire(emulator, client):
    """Types, codes, request ids and headers come out as over HTTP, sync and async."""

    async def ask():
        await client.customers.retrieve_async("cus_none")

    for attempt in (lambda: client.customers.retrieve("cus_none"), lambda: asyncio.run(ask())):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            attempt()
        assert (refused.value.http_status, refused.value.code, refused.value.param) == (404, "resource_missing", "id")
        assert refused.value.request_id.startswith("req_")
    keyless = stripe.StripeClient("sk_live_123", http_client=emulator.http_client()).v1
    with pytest.raises(stripe.AuthenticationError, match="refuses live keys"):
        keyless.customers.list()


def test_a_replay_is_one_change(client):
    """Idempotency keys work as over the wire."""
    first, again = (client.customers.create({"name": "A"}, {"idempotency_key": "k"}) for _ in range(2))
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"


def test_many_loops_and_threads_at_once(emulator, client):
    """Thirty async requests of one loop and as many of threads all count, once."""

    async def many():
        return await asyncio.gather(*(client.customers.create_async({"name": str(n)}) for n in range(30)))

    threads = [threading.Thread(target=client.customers.create) for _ in range(30)]
    for thread in threads:
        thread.start()
    made = asyncio.run(many())
    for thread in threads:
        thread.join()
    assert len({one.id for one in made}) == 30
    assert len(emulator.request("GET", "/v1/customers", limit=100)["data"]) == 60


@pytest.mark.parametrize("fault", ["reset", "half"])
def test_a_broken_connection_is_one_here_too(emulator, client, session, fault):
    """A reset and half a body are connection errors, sync, async and for `requests`."""
    emulator.customer()
    getattr(emulator.faults, fault)("GET", "/v1/customers", times=3)
    with pytest.raises(stripe.APIConnectionError) as lost:
        client.customers.list()
    with pytest.raises(stripe.APIConnectionError) as lost_too:
        asyncio.run(client.customers.list_async())
    assert lost_too.value.should_retry
    assert lost.value.should_retry is (fault == "reset")  # as the official client has it over `requests`
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        session.get(f"{emulator.url}/v1/customers")
    assert len(client.customers.list().data) == len(asyncio.run(client.customers.list_async()).data) == 1


def test_a_hang_is_a_timeout(emulator, session):
    """A request that waits longer than its read timeout ends as one would."""
    emulator.faults.hang("GET", "/v1/customers")
    impatient = stripe.StripeClient("sk_test_123", http_client=emulator.http_client(timeout=0.01)).v1
    with pytest.raises(stripe.APIConnectionError, match="ReadTimeout"):
        impatient.customers.list()
    with pytest.raises(stripe.APIConnectionError, match="TimeoutError"):
        asyncio.run(impatient.customers.list_async())
    with pytest.raises(requests.ReadTimeout):
        session.get(f"{emulator.url}/v1/customers", timeout=(1, 0.01))


def test_a_drip_takes_its_time(emulator, client):
    """A body that drips is whole after as many beats as it has bytes, and the loop goes on meanwhile."""
    emulator.faults.drip(0.001, "GET", "/v1/customers")

    async def beside():
        asked = asyncio.ensure_future(client.customers.list_async())
        beats = 0
        while not asked.done():
            await asyncio.sleep(0.001)
            beats += 1
        return beats, asked.result().data

    begun = time.monotonic()
    assert client.customers.list().data == []
    assert time.monotonic() - begun > 0.05
    beats, data = asyncio.run(beside())
    assert (beats > 10, data) == (True, [])


def test_refusals_and_altered_pages_are_the_same_here(emulator, client):
    """429, 500, an empty page, a revoked cursor and a lag strike without a wire as well."""
    emulator.customer("cus_1")
    emulator.customer("cus_2")
    emulator.faults.rate_limit("GET", "/v1/customers", times=1)
    emulator.faults.status(500, "GET", "/v1/customers", times=1)
    emulator.faults.empty_page("/v1/customers", times=1)
    emulator.faults.lag(requests=1)
    with pytest.raises(stripe.RateLimitError):
        client.customers.list()
    with pytest.raises(stripe.APIError):
        client.customers.list()
    assert client.customers.list().has_more
    emulator.faults.revoked_cursor("/v1/customers")
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_2'"):
        client.customers.list({"starting_after": "cus_2"})
    emulator.subscribe("cus_1", "pro")
    held = client.entitlements.active_entitlements
    assert [len(held.list({"customer": "cus_1"}).data) for _ in range(2)] == [0, 1]


def test_a_paused_emulator_refuses_connections(emulator, client, session):
    """While it is paused, and after it stopped, there is nobody to connect to; resumed, it is as it was."""
    customer = emulator.customer()
    emulator.pause()
    for ask in (client.customers.list, lambda: asyncio.run(client.customers.list_async())):
        with pytest.raises(stripe.APIConnectionError, match=r"resume\(\)"):
            ask()
    with pytest.raises(requests.ConnectionError, match=r"resume\(\)"):
        session.get(f"{emulator.url}/v1/customers")
    emulator.resume()
    assert [one.id for one in client.customers.list().data] == [customer]
    emulator.stop()
    with pytest.raises(stripe.APIConnectionError):
        client.customers.list()


def test_a_stop_cuts_off_who_waits(emulator, client):
    """Requests that a fault holds end with the emulator, as connection errors."""
    hang = emulator.faults.hang()
    errors = []

    def ask(way):
        with pytest.raises(stripe.APIConnectionError, match="stopped or paused"):
            way()
        errors.append(way)

    ways = [client.customers.list, lambda: asyncio.run(client.customers.list_async())]
    threads = [threading.Thread(target=ask, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    while hang.holding < 2:
        threads[0].join(0.001)
    emulator.stop()
    for thread in threads:
        thread.join(5)
    assert len(errors) == 2


def test_nothing_leaks(emulator, client):
    """A client that was used and let go leaves no warning, sync or async."""
    client.customers.list()
    asyncio.run(client.customers.list_async())
    del client
    gc.collect()


def test_a_body_that_must_be_read_first_is_told(emulator, session):
    """A stream as a body is refused in words."""
    with pytest.raises(TypeError, match="read it first"):
        session.post(f"{emulator.url}/v1/customers", data=iter([b"name=a"]))


def test_reset_gives_the_next_test_an_emulator_as_at_the_start(emulator, client):
    """Objects, faults, time, journal and webhooks are forgotten, also for clients made before; the catalogue stays."""
    started = emulator.clock.now()
    client.customers.create()
    emulator.faults.status(500)
    emulator.webhook_faults.drop()
    emulator.advance(days=400)
    emulator.reset()
    assert (emulator.count(), emulator.deliveries(), emulator.faults.listed(), emulator.webhook_faults.listed()) == (
        0,
        (),
        (),
        (),
    )
    assert client.customers.list().data == []
    assert [one.lookup_key for one in client.entitlements.features.list().data] == ["exports"]
    assert emulator.clock.now() - started < 60


def test_reset_starts_a_profile_anew():
    """Buckets are full again, the dice fall as at first, and no lag remembers the world before."""
    with StripeEmulator(
        catalog=SHOP, profile=Profile(limits=Limits(account=30), mischief=0.02, lag=60, seed=1), serve=False
    ) as emulator:
        session = requests.Session()
        session.mount(emulator.url, emulator.adapter())
        session.auth = ("sk_test_123", "")

        def day():
            emulator.subscribe(emulator.customer("cus_alice"), "pro")
            path = f"{emulator.url}{LIST}?customer=cus_alice"
            return [_fate(lambda: session.get(path)) for _ in range(30)]

        first = day()
        emulator.reset()
        assert day() == first
        assert len(set(first)) > 1


def _fate(ask):
    try:
        answer = ask()
        return answer.status_code, len(answer.json().get("data", ()))
    except requests.RequestException as error:
        return type(error).__name__


def test_the_recipe_for_pytest_works_as_it_is_written(tmp_path):
    """Fixtures and test of the package's docstring run, warnings as errors, and no state passes between tests."""
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", emulator_package.__doc__, re.MULTILINE)
    conftest, test = (textwrap.dedent(block) for block in blocks if block.strip())
    again = test.replace("test_a_purchase", "test_again_a_purchase")
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_recipe.py").write_text(f"import pytest\nimport stripe\n\n{test}\n\n{again}", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "2 passed" in ran.stdout, ran.stdout
