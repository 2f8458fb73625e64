"""An emulator with a small shop, and the official client pointed at it, every answer held against Stripe's schemas."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import stripe
from emulator_receiver import Receiver
from jsonschema import Draft202012Validator
from stripe_target import Target

from entitlements.emulator import StripeEmulator

SHOP = {
    "features": {"exports": "Data exports", "sso": "Single sign-on", "audit": "Audit log"},
    "products": {
        "starter": {"name": "Starter", "features": ["exports"], "price": 900},
        "pro": {"name": "Pro", "features": ["exports", "sso"], "price": 2900},
    },
}


def _translated(schema):
    """Say `nullable` in JSON Schema's own words."""
    if isinstance(schema, list):
        return [_translated(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _translated(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


_SCHEMAS = _translated(json.loads((Path(__file__).parent / "stripe_schemas.json").read_text("utf-8")))


def check_shape(body):
    """Hold a wire object, or each object of a list, against Stripe's published schema."""
    if "object" not in body:
        _validate(body, "error")
    elif body["object"] == "list":
        assert set(body) == {"object", "data", "has_more", "url"}
        for part in body["data"]:
            check_shape(part)
    elif body.get("deleted"):
        _validate(body, f"deleted_{body['object']}")
    else:
        _validate(body, body["object"])
        if body["object"] == "event":
            check_shape(body["data"]["object"])


def _validate(body, name):
    Draft202012Validator({**_SCHEMAS, "$ref": f"#/components/schemas/{name}"}).validate(body)


def _check_response(response, *args, **kwargs):
    assert response.headers["Request-Id"].startswith("req_")
    if response.headers["Content-Type"] == "application/json":
        check_shape(response.json())


@pytest.fixture
def session():
    """An HTTP session that lets no misshapen answer pass."""
    with requests.Session() as session:
        session.hooks["response"].append(_check_response)
        yield session


@pytest.fixture
def shape():
    """Give the check of a wire object's shape."""
    return check_shape


@pytest.fixture
def emulator():
    with StripeEmulator(catalog=SHOP, retries=(0.01, 0.02, 0.04)) as emulator:
        yield emulator


@pytest.fixture
def connect(session):
    """Point the official client at an emulator."""

    def client(emulator, key="sk_test_123", **options):
        http = stripe.RequestsClient(session=session)
        addresses = {"api": emulator.url, "files": emulator.url}
        return stripe.StripeClient(key, base_addresses=addresses, http_client=http, **options).v1

    return client


@pytest.fixture(scope="module", params=["emulator", "stripe"])
def target(request):
    """Give the API under test: the emulator always, and Stripe's test mode where there is a key for it."""
    if request.param == "emulator":
        with StripeEmulator(catalog=SHOP) as emulator:
            yield Target(emulator.api_key, {"api": emulator.url, "files": emulator.url}, emulator)
        return
    key = os.environ.get("STRIPE_TEST_MODE_KEY")
    if not key:
        pytest.skip("STRIPE_TEST_MODE_KEY isn't set: nothing was asked of Stripe itself")
    assert key.startswith(("sk_test_", "rk_test_")), "STRIPE_TEST_MODE_KEY must be a test mode key"
    yield Target(key, {}, None)


@pytest.fixture
def client(emulator, connect):
    return connect(emulator)


@pytest.fixture
def wire(emulator, session):
    """Speak HTTP to the emulator without a client's manners."""

    def call(method, path, key="sk_test_123", **options):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= options.pop("headers", {})
        response = session.request(method, emulator.url + path, headers=headers, **options)
        return SimpleNamespace(status=response.status_code, body=response.json(), headers=response.headers)

    return call


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def held(client):
    """List a customer's lookup keys through the official client."""

    def keys(customer):
        listed = client.entitlements.active_entitlements.list({"customer": customer, "limit": 100})
        return {entitlement.lookup_key for entitlement in listed.auto_paging_iter()}

    return keys


@pytest.fixture
def summaries(client):
    """List the summary events of a customer, oldest first, as lookup keys now and before."""

    def read(customer):
        events = client.events.list({"type": "entitlements.active_entitlement_summary.updated", "limit": 100}).data
        of_customer = [event for event in reversed(events) if event.data.object["customer"] == customer]
        return [
            (
                sorted(part["lookup_key"] for part in event.data.object["entitlements"]["data"]),
                sorted(part["lookup_key"] for part in event.data.previous_attributes["entitlements"]["data"]),
            )
            for event in of_customer
        ]

    return read
