"""Accounts: what belongs to one is invisible in another, and a platform reaches those connected to it."""

from __future__ import annotations

import json

import pytest
import stripe

from entitlements.emulator import StripeEmulator

SHOP = {"features": {"sso": "Sign-on"}, "products": {"pro": {"features": ["sso"], "price": 2900}}}


@pytest.fixture
def team(emulator):
    return emulator.account("acct_team")


def ids(client):
    return [customer.id for customer in client.customers.list().data]


def test_each_key_sees_its_own_account(emulator, connect, client, team):
    """Two accounts may hold the same id; each key lists, reads and changes its own."""
    other = connect(emulator, team)
    emulator.customer("cus_alice", name="Alice")
    emulator.within("acct_team").customer("cus_alice", name="Alicia")
    assert (client.customers.retrieve("cus_alice").name, other.customers.retrieve("cus_alice").name) == (
        "Alice",
        "Alicia",
    )
    mine = other.customers.create().id
    assert (ids(client), ids(other)) == (["cus_alice"], [mine, "cus_alice"])
    with pytest.raises(stripe.InvalidRequestError, match=f"No such customer: '{mine}'"):
        client.customers.retrieve(mine)
    with pytest.raises(stripe.InvalidRequestError, match=f"No such customer: '{mine}'"):
        client.customers.list({"starting_after": mine})
    other.customers.delete("cus_alice")
    assert client.customers.retrieve("cus_alice").name == "Alice"
    assert other.products.list().data == []  # the catalogue is the platform's


@pytest.mark.parametrize("option", ["stripe_account", "stripe_context"])
def test_the_platform_reaches_a_connected_account(emulator, connect, team, option):
    """`Stripe-Account` (or `Stripe-Context`) on the platform's key is the account's own key, in effect."""
    there = connect(emulator, **{option: "acct_team"})
    made = there.customers.create().id
    assert ids(connect(emulator, team)) == [made]
    assert ids(connect(emulator)) == []


@pytest.mark.parametrize(("key", "account"), [("sk_test_123", "acct_x"), ("TEAM", "acct_other")])
def test_an_account_out_of_reach_is_403(emulator, connect, team, key, account):
    """An unknown account, and another's for a connected one, are refused in Stripe's words."""
    emulator.account("acct_other")
    client = connect(emulator, team if key == "TEAM" else key, stripe_account=account)
    with pytest.raises(stripe.PermissionError, match=f"does not have access to account '{account}'") as refused:
        client.customers.list()
    assert (refused.value.http_status, refused.value.error.code) == (403, "account_invalid")


def test_a_key_of_an_account_that_is_not_there_is_401(emulator, connect, team):
    """A connected account's key opens nothing before it is connected, nor after a reset."""
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        connect(emulator, "sk_test_acct_nobody").customers.list()
    assert ids(connect(emulator, team)) == []
    emulator.reset()
    with pytest.raises(stripe.AuthenticationError):
        connect(emulator, team).customers.list()


def test_an_account_may_name_itself(emulator, connect, team):
    """A key with its own account in `Stripe-Account` works as without."""
    assert ids(connect(emulator, team, stripe_account="acct_team")) == []
    assert ids(connect(emulator, stripe_account="acct_emulator")) == []


def test_entitlements_are_scoped(emulator, connect, team):
    """The same product, customer and feature ids in two accounts grant each their own."""
    elsewhere = emulator.within("acct_team")
    elsewhere.feature("sso")
    elsewhere.request("POST", "/v1/products", id="prod_pro", name="Pro")
    elsewhere.attach("pro", "sso")
    recurring = {"interval": "month"}
    elsewhere.request("POST", "/v1/prices", product="prod_pro", unit_amount=1, currency="usd", recurring=recurring)
    for shop in (emulator, elsewhere):
        shop.customer("cus_alice")
    elsewhere.subscribe("cus_alice", "pro")
    assert (emulator.entitlements("cus_alice"), elsewhere.entitlements("cus_alice")) == ((), ("sso",))
    listed = connect(emulator, team).entitlements.active_entitlements.list({"customer": "cus_alice"}).data
    assert [one.lookup_key for one in listed] == ["sso"]
    emulator.advance(days=40)
    assert len(elsewhere.request("GET", "/v1/events", type="customer.subscription.updated")["data"]) == 1
    assert emulator.request("GET", "/v1/events", type="customer.subscription.*")["data"] == []


def test_one_idempotency_key_serves_two_accounts(emulator, connect, team):
    """The key is remembered with the account, so it makes one object in each."""
    options = {"idempotency_key": "k"}
    here, there = connect(emulator), connect(emulator, team)
    first = here.customers.create({"name": "A"}, options).id
    assert there.customers.create({"name": "B"}, options).id != first
    assert here.customers.create({"name": "A"}, options).id == first


def test_connect_events_go_to_connect_endpoints_and_name_the_account(emulator, connect, receiver, team):
    """The platform's own endpoint hears its own events, its Connect endpoint those of accounts, with `account`."""
    base = receiver.url
    emulator.webhook(f"{base}?own", ["customer.created"])
    emulator.webhook(f"{base}?connect", ["customer.created"], connect=True)
    elsewhere = emulator.within("acct_team")
    elsewhere.webhook(f"{base}?theirs", ["customer.created"])
    mine, theirs = emulator.customer(), elsewhere.customer()
    assert emulator.delivered()
    heard = {
        (one.path.partition("?")[2], json.loads(one.body)["data"]["object"]["id"]): json.loads(one.body)
        for one in receiver.wait_for(3)
    }
    assert set(heard) == {("own", mine), ("connect", theirs), ("theirs", theirs)}
    accounts = {place: event.get("account") for (place, _), event in heard.items()}
    assert accounts == {"own": None, "connect": "acct_team", "theirs": None}
    assert len(receiver.received) == 3
    event = connect(emulator, stripe_account="acct_team").events.list().data[0]
    assert (event.account, event.data.object.id) == ("acct_team", theirs)
    assert "account" not in connect(emulator).events.list().data[0].to_dict()


def test_an_endpoint_does_not_tell_whether_it_is_for_connect(emulator):
    """`connect` is a parameter and no field."""
    made = emulator.request(
        "POST", "/v1/webhook_endpoints", url="https://example.com", enabled_events=["*"], connect=True
    )
    assert "connect" not in made
    assert "connect" not in emulator.request("GET", f"/v1/webhook_endpoints/{made['id']}")


def test_accounts_outlive_the_process_in_a_file(tmp_path):
    """A connected account, and what it holds, is there after a restart."""
    with StripeEmulator(db=tmp_path / "stripe.db") as emulator:
        emulator.within("acct_team").customer("cus_1")
    with StripeEmulator(db=tmp_path / "stripe.db") as emulator:
        assert emulator.account("acct_team") == "sk_test_acct_team"
        assert [one["id"] for one in emulator.within("acct_team").request("GET", "/v1/customers")["data"]] == ["cus_1"]


def test_what_is_no_account_id_is_refused(emulator):
    """An account's id begins with acct_."""
    with pytest.raises(ValueError, match="begins with acct_"):
        emulator.account("team")
