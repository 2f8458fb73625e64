"""Every method of the official client: service and class style, sync and async, each with its route and its answer.

`python -m pytest tests/emulator/test_methods.py -rA` prints the table; `STRIPE_TEST_MODE_KEY` lets Stripe answer too.
"""

from __future__ import annotations

import asyncio
import io
import operator
import time
from dataclasses import dataclass

import pytest
import requests
import stripe
from stripe_target import PAID, World

from entitlements.emulator.resources import ROUTES

# The official client gives httpx its forms in a way that httpx would rather not be given them.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes/text content.")

STYLES = ("service", "service async", "class", "class async")
NOW = int(time.time())
DAY = 86_400
METHODS = []


@dataclass(frozen=True)
class Asked:
    """What a method is called with, and what its answer must say."""

    ids: tuple
    params: dict
    answer: dict


def method(route, service, classic):
    """Enter a method into the table: its route, and its name in either style."""

    def enter(prepare):
        METHODS.append(pytest.param(route, service, classic, prepare, id=f"{route} {service}"))
        return prepare

    return enter


def a_list(url, *ids):
    """Say that a list begins with these objects."""
    return {"object": "list", "url": url, "data": list(ids)}


# Features


@method("POST /v1/entitlements/features", "entitlements.features.create", "entitlements.Feature.create")
def create_feature(world):
    key = world.name()
    return Asked((), {"lookup_key": key, "name": "Exports"}, {"lookup_key": key, "name": "Exports", "active": True})


@method("GET /v1/entitlements/features/{id}", "entitlements.features.retrieve", "entitlements.Feature.retrieve")
def retrieve_feature(world):
    feature = world.feature()
    return Asked((feature.id,), {}, feature.to_dict())


@method("POST /v1/entitlements/features/{id}", "entitlements.features.update", "entitlements.Feature.modify")
def update_feature(world):
    feature = world.feature(metadata={"a": "1"})
    changed = {**feature.to_dict(), "active": False, "name": "Old", "metadata": {}}
    return Asked((feature.id,), {"active": False, "name": "Old", "metadata": ""}, changed)


@method("GET /v1/entitlements/features", "entitlements.features.list", "entitlements.Feature.list")
def list_features(world):
    feature = world.feature()
    return Asked((), {"lookup_key": feature.lookup_key}, a_list("/v1/entitlements/features", feature.id))


# Active entitlements


@method(
    "GET /v1/entitlements/active_entitlements",
    "entitlements.active_entitlements.list",
    "entitlements.ActiveEntitlement.list",
)
def list_entitlements(world):
    customer = world.subscription(world.feature()).customer
    held = world.client.entitlements.active_entitlements.list({"customer": customer}).data
    assert len(held) == 1
    return Asked((), {"customer": customer}, a_list("/v1/entitlements/active_entitlements", held[0].id))


@method(
    "GET /v1/entitlements/active_entitlements/{id}",
    "entitlements.active_entitlements.retrieve",
    "entitlements.ActiveEntitlement.retrieve",
)
def retrieve_entitlement(world):
    feature = world.feature()
    customer = world.subscription(feature).customer
    held = world.client.entitlements.active_entitlements.list({"customer": customer}).data[0]
    return Asked((held.id,), {"expand": ["feature"]}, {**held.to_dict(), "feature": feature.to_dict()})


# Product features


@method("POST /v1/products/{product}/features", "products.features.create", "Product.create_feature")
def attach(world):
    product, feature = world.product(), world.feature()
    attached = {"object": "product_feature", "entitlement_feature": feature.to_dict()}
    return Asked((product.id,), {"entitlement_feature": feature.id}, attached)


def attached(world):
    """Make a product with one feature; give its id and the attachment."""
    product = world.product(world.feature())
    return product.id, world.client.products.features.list(product.id).data[0]


@method("GET /v1/products/{product}/features/{id}", "products.features.retrieve", "Product.retrieve_feature")
def retrieve_attached(world):
    product, one = attached(world)
    return Asked((product, one.id), {}, one.to_dict())


@method("GET /v1/products/{product}/features", "products.features.list", "Product.list_features")
def list_attached(world):
    product, one = attached(world)
    return Asked((product,), {}, a_list(f"/v1/products/{product}/features", one.id))


@method("DELETE /v1/products/{product}/features/{id}", "products.features.delete", "Product.delete_feature")
def detach(world):
    product, one = attached(world)
    return Asked((product, one.id), {}, {"id": one.id, "object": "product_feature", "deleted": True})


# Payment records


@method("POST /v1/payment_records/report_payment", "payment_records.report_payment", "PaymentRecord.report_payment")
def report_payment(world):
    amount = {"currency": "usd", "value": 1000}
    params = {"amount_requested": amount, "initiated_at": NOW, "payment_method_details": PAID}
    return Asked((), params, {"object": "payment_record", "amount_requested": amount, "reported_by": "self"})


@method("GET /v1/payment_records/{id}", "payment_records.retrieve", "PaymentRecord.retrieve")
def retrieve_payment(world):
    record = world.payment()
    return Asked((record.id,), {}, record.to_dict())


@method("GET /v1/payment_records", "payment_records.list", "PaymentRecord.list")
def list_payments(world):
    record = world.payment()
    return Asked((), {"created_after": record.created - 1}, a_list("/v1/payment_records", record.id))


@method(
    "POST /v1/payment_records/{id}/report_payment_attempt",
    "payment_records.report_payment_attempt",
    "PaymentRecord.report_payment_attempt",
)
def report_attempt(world):
    record = world.payment(outcome="failed", failed={"failed_at": NOW})
    return Asked((record.id,), {"initiated_at": NOW}, {"id": record.id, "amount_failed": nothing()})


def nothing():
    return {"currency": "usd", "value": 0}


def all_of_it():
    return {"currency": "usd", "value": 1000}


def settling(outcome):
    """Prepare the report of an outcome."""

    def prepare(world):
        record = world.payment()
        return Asked((record.id,), {f"{outcome}_at": NOW}, {"id": record.id, f"amount_{outcome}": all_of_it()})

    return prepare


for outcome in ("canceled", "failed", "guaranteed"):
    name = f"report_payment_attempt_{outcome}"
    method(f"POST /v1/payment_records/{{id}}/{name}", f"payment_records.{name}", f"PaymentRecord.{name}")(
        settling(outcome)
    )


@method(
    "POST /v1/payment_records/{id}/report_payment_attempt_informational",
    "payment_records.report_payment_attempt_informational",
    "PaymentRecord.report_payment_attempt_informational",
)
def report_information(world):
    record = world.payment()
    return Asked((record.id,), {"description": "books"}, {"id": record.id, "description": "books"})


@method("POST /v1/payment_records/{id}/report_refund", "payment_records.report_refund", "PaymentRecord.report_refund")
def report_refund(world):
    record = world.guaranteed()
    processor = {"type": "custom", "custom": {"refund_reference": world.name()}}
    params = {"outcome": "refunded", "refunded": {"refunded_at": NOW}, "processor_details": processor}
    return Asked((record.id,), params, {"amount_refunded": all_of_it(), "amount_guaranteed": nothing()})


# Payment attempt records


@method("GET /v1/payment_attempt_records", "payment_attempt_records.list", "PaymentAttemptRecord.list")
def list_attempts(world):
    record = world.payment()
    answer = a_list("/v1/payment_attempt_records", record.latest_payment_attempt_record)
    return Asked((), {"payment_record": record.id}, answer)


@method("GET /v1/payment_attempt_records/{id}", "payment_attempt_records.retrieve", "PaymentAttemptRecord.retrieve")
def retrieve_attempt(world):
    record = world.payment()
    attempt = record.latest_payment_attempt_record
    return Asked((attempt,), {}, {"id": attempt, "payment_record": record.id, "amount_requested": all_of_it()})


# Sigma and files


def a_run(world):
    """Let a scheduled query run."""
    emulator = world.target.needs_the_emulator("schedules exist only in Stripe's Dashboard")
    return emulator.scheduled_query_run(title="Plans", sql="select 1", csv="a,b\n1,2\n")


@method("GET /v1/sigma/scheduled_query_runs", "sigma.scheduled_query_runs.list", "sigma.ScheduledQueryRun.list")
def list_runs(world):
    run = a_run(world)
    return Asked((), {}, a_list("/v1/sigma/scheduled_query_runs", run))


@method(
    "GET /v1/sigma/scheduled_query_runs/{scheduled_query_run}",
    "sigma.scheduled_query_runs.retrieve",
    "sigma.ScheduledQueryRun.retrieve",
)
def retrieve_run(world):
    run = a_run(world)
    return Asked((run,), {"expand": ["file"]}, {"id": run, "status": "completed", "sql": "select 1"})


class Paper(io.BytesIO):
    """A file with a name."""

    name = "paper.pdf"


@method("POST /v1/files", "files.create", "File.create")
def upload(world):
    answer = {"object": "file", "filename": "paper.pdf", "type": "pdf", "size": 9, "purpose": "dispute_evidence"}
    return Asked((), {"file": Paper(b"%PDF-1.4\n"), "purpose": "dispute_evidence"}, answer)


def a_file(world):
    return world.client.files.create({"file": Paper(b"%PDF-1.4\n"), "purpose": "dispute_evidence"})


@method("GET /v1/files/{file}", "files.retrieve", "File.retrieve")
def retrieve_file(world):
    file = a_file(world)
    return Asked((file.id,), {}, file.to_dict())


@method("GET /v1/files", "files.list", "File.list")
def list_files(world):
    file = a_file(world)
    return Asked((), {"purpose": "dispute_evidence"}, a_list("/v1/files", file.id))


# Events and webhook endpoints


@method("GET /v1/events/{id}", "events.retrieve", "Event.retrieve")
def retrieve_event(world):
    world.customer()
    event = world.client.events.list({"type": "customer.created", "limit": 1}).data[0]
    return Asked((event.id,), {}, {"id": event.id, "type": "customer.created", "created": event.created})


@method("GET /v1/events", "events.list", "Event.list")
def list_events(world):
    world.customer()
    event = world.client.events.list({"type": "customer.created", "limit": 1}).data[0]
    return Asked((), {"types": ["customer.created"]}, a_list("/v1/events", event.id))


@method("POST /v1/webhook_endpoints", "webhook_endpoints.create", "WebhookEndpoint.create")
def create_endpoint(world):
    params = {**world.listener(), "api_version": "2026-10-28.endive"}
    return Asked((), params, {**params, "object": "webhook_endpoint", "status": "enabled"})


@method("GET /v1/webhook_endpoints/{webhook_endpoint}", "webhook_endpoints.retrieve", "WebhookEndpoint.retrieve")
def retrieve_endpoint(world):
    endpoint = world.endpoint()
    return Asked((endpoint.id,), {}, {"id": endpoint.id, "url": endpoint.url, "enabled_events": ["invoice.paid"]})


@method("POST /v1/webhook_endpoints/{webhook_endpoint}", "webhook_endpoints.update", "WebhookEndpoint.modify")
def update_endpoint(world):
    endpoint = world.endpoint()
    return Asked((endpoint.id,), {"disabled": True}, {"id": endpoint.id, "status": "disabled"})


@method("GET /v1/webhook_endpoints", "webhook_endpoints.list", "WebhookEndpoint.list")
def list_endpoints(world):
    return Asked((), {}, a_list("/v1/webhook_endpoints", world.endpoint().id))


@method("DELETE /v1/webhook_endpoints/{webhook_endpoint}", "webhook_endpoints.delete", "WebhookEndpoint.delete")
def delete_endpoint(world):
    endpoint = world.endpoint().id
    return Asked((endpoint,), {}, {"id": endpoint, "object": "webhook_endpoint", "deleted": True})


# Products, prices and customers


@method("POST /v1/products", "products.create", "Product.create")
def create_product(world):
    return Asked((), {"name": "Pro", "metadata": {"a": "b"}}, {"name": "Pro", "metadata": {"a": "b"}, "active": True})


@method("GET /v1/products/{id}", "products.retrieve", "Product.retrieve")
def retrieve_product(world):
    product = world.product()
    return Asked((product.id,), {}, product.to_dict())


@method("POST /v1/products/{id}", "products.update", "Product.modify")
def update_product(world):
    product = world.product()
    return Asked((product.id,), {"active": False}, {"id": product.id, "active": False})


@method("GET /v1/products", "products.list", "Product.list")
def list_products(world):
    product = world.product()
    return Asked((), {"ids": [product.id]}, a_list("/v1/products", product.id))


@method("DELETE /v1/products/{id}", "products.delete", "Product.delete")
def delete_product(world):
    product = world.product().id
    return Asked((product,), {}, {"id": product, "object": "product", "deleted": True})


@method("POST /v1/prices", "prices.create", "Price.create")
def create_price(world):
    params = {"currency": "eur", "unit_amount": 500, "product": world.product().id, "recurring": {"interval": "year"}}
    return Asked((), params, {"currency": "eur", "unit_amount": 500, "type": "recurring"})


@method("GET /v1/prices/{price}", "prices.retrieve", "Price.retrieve")
def retrieve_price(world):
    price = world.price()
    return Asked((price.id,), {}, {"id": price.id, "product": price.product, "unit_amount": 0})


@method("POST /v1/prices/{price}", "prices.update", "Price.modify")
def update_price(world):
    price = world.price()
    return Asked((price.id,), {"active": False}, {"id": price.id, "active": False})


@method("GET /v1/prices", "prices.list", "Price.list")
def list_prices(world):
    price = world.price()
    return Asked((), {"product": price.product}, a_list("/v1/prices", price.id))


@method("POST /v1/customers", "customers.create", "Customer.create")
def create_customer(world):
    return Asked((), {"email": "a@example.com"}, {"email": "a@example.com", "object": "customer", "name": None})


@method("GET /v1/customers/{customer}", "customers.retrieve", "Customer.retrieve")
def retrieve_customer(world):
    customer = world.customer()
    return Asked((customer.id,), {}, {"id": customer.id, "name": customer.name})


@method("POST /v1/customers/{customer}", "customers.update", "Customer.modify")
def update_customer(world):
    customer = world.customer().id
    return Asked((customer,), {"name": "Alice"}, {"id": customer, "name": "Alice"})


@method("GET /v1/customers", "customers.list", "Customer.list")
def list_customers(world):
    email = f"{world.name()}@example.com"
    return Asked((), {"email": email}, a_list("/v1/customers", world.customer(email=email).id))


@method("DELETE /v1/customers/{customer}", "customers.delete", "Customer.delete")
def delete_customer(world):
    customer = world.customer().id
    return Asked((customer,), {}, {"id": customer, "object": "customer", "deleted": True})


# Subscriptions


@method("POST /v1/subscriptions", "subscriptions.create", "Subscription.create")
def create_subscription(world):
    customer, price = world.customer().id, world.price().id
    params = {"customer": customer, "items": [{"price": price}]}
    return Asked((), params, {"customer": customer, "status": "active"})


@method("GET /v1/subscriptions/{subscription}", "subscriptions.retrieve", "Subscription.retrieve")
def retrieve_subscription(world):
    subscription = world.subscription()
    return Asked((subscription.id,), {}, {"id": subscription.id, "customer": subscription.customer})


@method("POST /v1/subscriptions/{subscription}", "subscriptions.update", "Subscription.modify")
def update_subscription(world):
    subscription = world.subscription()
    end = subscription["items"].data[0].current_period_end
    answer = {"id": subscription.id, "cancel_at_period_end": True, "cancel_at": end, "status": "active"}
    return Asked((subscription.id,), {"cancel_at_period_end": True}, answer)


@method("GET /v1/subscriptions", "subscriptions.list", "Subscription.list")
def list_subscriptions(world):
    subscription = world.subscription()
    return Asked((), {"customer": subscription.customer}, a_list("/v1/subscriptions", subscription.id))


@method("DELETE /v1/subscriptions/{subscription}", "subscriptions.cancel", "Subscription.cancel")
def cancel_subscription(world):
    subscription = world.subscription().id
    return Asked((subscription,), {"prorate": False}, {"id": subscription, "status": "canceled"})


@method("POST /v1/subscriptions/{subscription}/pause", "subscriptions.pause", "Subscription.pause")
def pause_subscription(world):
    subscription = world.subscription().id
    return Asked((subscription,), {"type": "subscription"}, {"id": subscription, "status": "paused"})


@method("POST /v1/subscriptions/{subscription}/resume", "subscriptions.resume", "Subscription.resume")
def resume_subscription(world):
    subscription = world.subscription().id
    world.client.subscriptions.pause(subscription)
    params = {"billing_cycle_anchor": {"type": "unchanged"}}
    return Asked((subscription,), params, {"id": subscription, "status": "active"})


# Test clocks


@method("POST /v1/test_helpers/test_clocks", "test_helpers.test_clocks.create", "test_helpers.TestClock.create")
def create_clock(world):
    return Asked((), {"frozen_time": NOW, "name": "mine"}, {"frozen_time": NOW, "name": "mine", "status": "ready"})


@method(
    "GET /v1/test_helpers/test_clocks/{test_clock}",
    "test_helpers.test_clocks.retrieve",
    "test_helpers.TestClock.retrieve",
)
def retrieve_clock(world):
    clock = world.clock()
    return Asked((clock.id,), {}, clock.to_dict())


@method("GET /v1/test_helpers/test_clocks", "test_helpers.test_clocks.list", "test_helpers.TestClock.list")
def list_clocks(world):
    return Asked((), {}, a_list("/v1/test_helpers/test_clocks", world.clock().id))


@method(
    "POST /v1/test_helpers/test_clocks/{test_clock}/advance",
    "test_helpers.test_clocks.advance",
    "test_helpers.TestClock.advance",
)
def advance_clock(world):
    clock = world.clock().id
    advancing = {"advancing": {"target_frozen_time": NOW + DAY}}
    return Asked((clock,), {"frozen_time": NOW + DAY}, {"status": "advancing", "status_details": advancing})


@method(
    "DELETE /v1/test_helpers/test_clocks/{test_clock}",
    "test_helpers.test_clocks.delete",
    "test_helpers.TestClock.delete",
)
def delete_clock(world):
    clock = world.clock().id
    return Asked((clock,), {}, {"id": clock, "object": "test_helpers.test_clock", "deleted": True})


# The test


@pytest.fixture(scope="module")
def http():
    """Speak HTTP for the official client: by requests, and for its async half by httpx."""
    with requests.Session() as session, asyncio.Runner() as runner:
        waiting = stripe.HTTPXClient(verify_ssl_certs=True)
        client = stripe.RequestsClient(session=session, async_fallback_client=waiting)
        client.run = runner.run
        yield client
        runner.run(waiting.close_async())


@pytest.fixture
def service(target, http):
    return stripe.StripeClient(target.key, base_addresses=target.addresses, http_client=http).v1


@pytest.fixture
def world(target, service):
    world = World(service, target)
    yield world
    world.tidy()


@pytest.fixture
def call(target, http, service, monkeypatch):
    """Call a method in one of the four styles."""
    monkeypatch.setattr(stripe, "api_key", target.key)
    monkeypatch.setattr(stripe, "default_http_client", http)
    monkeypatch.setattr(stripe, "api_base", target.addresses.get("api", stripe.api_base))
    monkeypatch.setattr(stripe, "upload_api_base", target.addresses.get("files", stripe.upload_api_base))

    def by_style(style, path, asked):
        suffix = "_async" if style.endswith("async") else ""
        function = operator.attrgetter(path + suffix)(service if style.startswith("service") else stripe)
        if style.startswith("service"):
            result = function(*asked.ids, asked.params)
        else:
            result = function(*asked.ids, **asked.params)
        return http.run(result) if suffix else result

    return by_style


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("route", "service_path", "class_path", "prepare"), METHODS)
def test_the_official_client_is_answered(target, world, call, shape, style, route, service_path, class_path, prepare):
    """Each method, in each style, gets an answer of Stripe's shape that says what it must."""
    asked = prepare(world)
    before = None if target.emulator is None else len(target.emulator.requests)
    result = call(style, service_path if style.startswith("service") else class_path, asked)
    body = result.last_response.data
    shape(body)
    assert result.last_response.code == 200
    seen = dict(body) if body["object"] != "list" else {**body, "data": ids_of(body, len(asked.answer["data"]))}
    assert {name: seen.get(name) for name in asked.answer} == asked.answer
    if before is not None:
        (served,) = target.emulator.requests[before:]
        assert reached(served.method, served.path) == route


def ids_of(body, count):
    return [part["id"] for part in body["data"]][:count]


def reached(method, path):
    """Name the route that a request was for."""
    (route,) = [route for route in ROUTES if route.match(method, path) is not None]
    return f"{route.method} {route.path}"


def test_no_route_is_left_out(target, service, world):
    """The table holds every route but two, which the client has no method for: it reaches them by address."""
    emulator = target.needs_the_emulator("the emulator's own table of routes")
    tabled = {param.values[0] for param in METHODS}
    unlisted = {f"{route.method} {route.path}" for route in ROUTES} - tabled
    assert unlisted == {"GET /v1/customer/{customer}/entitlements", "GET /v1/files/{file}/contents"}
    customer = world.subscription(world.feature()).customer
    client = stripe.StripeClient(target.key, base_addresses=target.addresses)
    raw = client.raw_request("get", f"/v1/customer/{customer}/entitlements")
    assert len(client.deserialize(raw, api_mode="V1").data) == len(emulator.entitlements(customer)) == 1
