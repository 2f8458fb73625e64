"""A local, stateful Stripe, as far as entitlements need one; it stands by itself and signs with its own code.

For tests, put this into `conftest.py`. One emulator serves the whole session, over HTTP and in process, and every test
finds it as it was at the start:

    import pytest
    import stripe

    from entitlements.emulator import StripeEmulator

    SHOP = {"features": {"sso": "Sign-on"}, "products": {"pro": {"features": ["sso"], "price": 2900}}}


    @pytest.fixture(scope="session")
    def emulator_of_the_session():
        with StripeEmulator(catalog=SHOP) as emulator:  # serve=False where no port may be opened
            yield emulator


    @pytest.fixture
    def emulator(emulator_of_the_session, monkeypatch):
        monkeypatch.setenv("STRIPE_API_BASE", emulator_of_the_session.url)
        monkeypatch.setenv("STRIPE_API_KEY", emulator_of_the_session.api_key)
        yield emulator_of_the_session
        emulator_of_the_session.reset()


    @pytest.fixture
    def stripe_client(emulator):
        return stripe.StripeClient(emulator.api_key, http_client=emulator.http_client())

A test then buys, and breaks what it wants to see broken:

    def test_a_purchase_survives_an_outage(emulator, stripe_client):
        alice = emulator.customer()
        emulator.subscribe(alice, "pro")
        emulator.faults.status(503, "GET", "/v1/entitlements/*", times=1)
        with pytest.raises(stripe.APIError):
            stripe_client.v1.entitlements.active_entitlements.list({"customer": alice})
        assert emulator.entitlements(alice) == ("sso",)
"""

from entitlements.emulator.catalog import CatalogError
from entitlements.emulator.clock import Clock
from entitlements.emulator.deliveries import Attempt, Delivery
from entitlements.emulator.emulator import DEFAULT_KEY, LiveKeyError, StripeEmulator
from entitlements.emulator.faults import Fault, Faults
from entitlements.emulator.foreground import serve
from entitlements.emulator.journal import Served
from entitlements.emulator.lifecycle import Rules
from entitlements.emulator.limits import Limits
from entitlements.emulator.profile import REALISTIC, Profile
from entitlements.emulator.store import StoreError
from entitlements.emulator.webhook_faults import WebhookFault, WebhookFaults
from entitlements.emulator.wire.errors import ApiError

__all__ = [
    "DEFAULT_KEY",
    "REALISTIC",
    "ApiError",
    "Attempt",
    "CatalogError",
    "Clock",
    "Delivery",
    "Fault",
    "Faults",
    "Limits",
    "LiveKeyError",
    "Profile",
    "Rules",
    "Served",
    "StoreError",
    "StripeEmulator",
    "WebhookFault",
    "WebhookFaults",
    "serve",
]
