"""The wire: keys, forms, errors, headers and expansion, without a client's manners between."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe


def error_of(answer):
    return answer.status, {name: answer.body["error"].get(name) for name in ("type", "code", "param")}


@pytest.mark.parametrize("key", ["sk_test_anything", "rk_test_restricted", "sk_test_emulator"])
def test_any_test_key_opens(wire, key):
    """Secret and restricted test keys are accepted, as bearer tokens and as basic auth."""
    assert wire("GET", "/v1/customers", key=key).status == 200
    basic = base64.b64encode(f"{key}:".encode()).decode()
    assert wire("GET", "/v1/customers", key=None, headers={"Authorization": f"Basic {basic}"}).status == 200


@pytest.mark.parametrize(
    ("authorization", "code", "beginning"),
    [
        (None, None, "You did not provide an API key."),
        ("Bearer ", None, "You did not provide an API key."),
        ("Basic !!!", None, "You did not provide an API key."),
        ("Bearer nonsense", None, "Invalid API Key provided: nonsens*"),
        ("Bearer pk_test_1", "secret_key_required", "This API call cannot be made with a publishable API key."),
        ("Bearer sk_live_1", None, "This is a local emulator of Stripe and it refuses live keys."),
        ("Bearer rk_live_1", None, "This is a local emulator of Stripe and it refuses live keys."),
    ],
)
def test_other_keys_are_refused_with_401(wire, authorization, code, beginning):
    """No key, a strange one, a publishable one, and above all a live one: 401, with a word why."""
    headers = {"Authorization": authorization} if authorization else {}
    answer = wire("GET", "/v1/customers", key=None, headers=headers)
    assert error_of(answer) == (401, {"type": "invalid_request_error", "code": code, "param": None})
    assert answer.body["error"]["message"].startswith(beginning)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Stripe"'
    assert "live_1" not in answer.body["error"]["message"]


def test_the_official_client_raises_its_own_errors(emulator, connect):
    """A refused key is an AuthenticationError, a missing object an InvalidRequestError, with code and request id."""
    with pytest.raises(stripe.AuthenticationError):
        connect(emulator, "sk_live_1").customers.list()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        connect(emulator).customers.retrieve("cus_x")
    error = refused.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert error.error.doc_url == "https://stripe.com/docs/error-codes/resource-missing"
    assert error.request_id == error.headers["Request-Id"]


@pytest.mark.parametrize(
    "form",
    [
        "customer={0}&items[0][price]=price_pro&items[1][price]=price_starter&expand[]=customer&metadata[a b]=c",
        "customer={0}&items%5B0%5D%5Bprice%5D=price_pro&items[1][price]=price_starter&expand%5B%5D=customer&metadata%5Ba+b%5D=c",
        "customer={0}&items[][price]=price_pro&items[][price]=price_starter&expand[0]=customer&metadata[a%20b]=c",
    ],
)
def test_nested_forms_are_read_however_they_are_written(wire, emulator, form):
    """Indexed, empty and percent-encoded brackets say the same."""
    alice = emulator.customer("cus_alice")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = wire("POST", "/v1/subscriptions", data=form.format(alice), headers=headers)
    assert answer.status == 200, answer.body
    assert [item["price"]["id"] for item in answer.body["items"]["data"]] == ["price_pro", "price_starter"]
    assert (answer.body["customer"]["id"], answer.body["metadata"]) == ("cus_alice", {"a b": "c"})


def test_metadata_keys_may_be_numbers(client):
    """A metadata key that looks like a place in a list is a key all the same."""
    assert client.customers.create({"metadata": {"0": "a", "1": "b"}}).metadata.to_dict() == {"0": "a", "1": "b"}


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("customers", "foo=1", ("parameter_unknown", "foo", "Received unknown parameter: foo")),
        ("customers", "id=cus_mine", ("parameter_unknown", "id", "Received unknown parameter: id")),
        ("customers", "address[a]=1", ("parameter_unknown", "address[a]", "Received unknown parameter: address[a]")),
        ("customers", "email[0]=a", ("parameter_invalid_string", "email", 'Invalid string: {"0":"a"}')),
        ("customers", "email=a&email=b", ("parameter_invalid_string", "email", 'Invalid string: {"0":"a","1":"b"}')),
        ("customers", "metadata=a", (None, "metadata", "Invalid object")),
        ("customers", "expand=a", (None, "expand", "Invalid array")),
        ("customers", "balance=abc", ("parameter_invalid_integer", "balance", "Invalid integer: abc")),
        (
            "customers",
            "tax_exempt=maybe",
            (None, "tax_exempt", "Invalid tax_exempt: must be one of none, reverse, or exempt"),
        ),
        ("products", "name=a&active=yes", (None, "active", "Invalid boolean: yes")),
        ("products", "active=true", ("parameter_missing", "name", "Missing required param: name.")),
        (
            "prices",
            "currency=usd&product=prod_pro&unit_amount=100000000",
            (
                "parameter_invalid_integer",
                "unit_amount",
                "This value must be less than or equal to 99999999 (it currently is '100000000').",
            ),
        ),
    ],
)
def test_a_bad_parameter_is_refused(wire, path, form, expected):
    """Status, type, code, parameter and text are Stripe's."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = wire("POST", f"/v1/{path}", data=form, headers=headers)
    code, param, message = expected
    assert error_of(answer) == (400, {"type": "invalid_request_error", "code": code, "param": param})
    assert answer.body["error"]["message"] == message


def test_an_empty_value_that_unsets_nothing_is_refused(wire):
    """The refusal begins and ends with Stripe's words."""
    message = wire("POST", "/v1/products", data={"name": ""}).body["error"]["message"]
    assert message.startswith("You passed an empty string for 'name'.")
    assert message.endswith("'name' cannot be unset.")


def test_a_body_that_is_no_form_is_refused(wire):
    """JSON is not read as if it were a form."""
    answer = wire("POST", "/v1/customers", json={"email": "a"})
    assert error_of(answer) == (400, {"type": "invalid_request_error", "code": None, "param": None})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("DELETE", "/v1/entitlements/features/feat_1"), ("PUT", "/v1/customers"), ("GET", "/")],
)
def test_a_route_that_is_not_there_is_404(wire, method, path):
    """An unknown path, or a method a path hasn't, is an unrecognized URL."""
    answer = wire(method, path)
    assert error_of(answer) == (404, {"type": "invalid_request_error", "code": None, "param": None})
    assert answer.body["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/v1/customers/x", "customer"),
        ("/v1/products/x", "product"),
        ("/v1/prices/x", "price"),
        ("/v1/subscriptions/x", "subscription"),
        ("/v1/entitlements/features/x", "entitlements feature"),
        ("/v1/entitlements/active_entitlements/x", "active entitlement"),
        ("/v1/products/x/features", "product"),
        ("/v1/products/prod_pro/features/x", "product feature"),
        ("/v1/customer/x/entitlements", "customer"),
        ("/v1/events/x", "event"),
        ("/v1/webhook_endpoints/x", "webhook endpoint"),
    ],
)
def test_an_id_that_names_nothing_is_404(wire, path, what):
    """A missing object in the path is 404 `resource_missing`, param `id`."""
    answer = wire("GET", path)
    missing = {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}
    assert error_of(answer) == (404, missing)
    assert answer.body["error"]["message"] == f"No such {what}: 'x'"


def test_ids_in_the_path_are_unquoted(client):
    """An id with signs in it arrives as it was given."""
    client.products.create({"id": "a b/c?", "name": "Odd"})
    assert client.products.retrieve("a b/c?").name == "Odd"


def test_headers_name_the_request_and_the_version(wire):
    """Each answer has an id of its own and echoes the version."""
    first = wire("GET", "/v1/customers", headers={"Stripe-Version": "2026-09-30.endive"})
    second = wire("GET", "/v1/customers")
    assert first.headers["Request-Id"] != second.headers["Request-Id"]
    assert first.headers["Stripe-Version"] == "2026-09-30.endive"
    assert second.headers["Stripe-Version"] == "2026-10-28.endive"
    assert second.headers["Content-Type"] == "application/json"
    assert "Stripe-Notice" not in second.headers


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("/v1/customers/{0}?expand[]=email", "(email)."),
        ("/v1/customers?expand[]=data.email", "(data.email)."),
        ("/v1/customers?expand[]=email", "(email). You may want to try expanding 'data.email' instead."),
        ("/v1/customers/{0}?expand[]=nothing", "(nothing)."),
        ("/v1/subscriptions?expand[]=data.a.b.c.d.e", "(data.a.b.c.d.e)."),
    ],
)
def test_what_is_no_reference_can_not_be_expanded(wire, emulator, path, suffix):
    """A bad path is refused, with a hint on lists."""
    answer = wire("GET", path.format(emulator.customer()))
    assert error_of(answer) == (400, {"type": "invalid_request_error", "code": None, "param": None})
    assert answer.body["error"]["message"] == f"This property cannot be expanded {suffix}"


def test_a_bad_expansion_writes_nothing(wire):
    """A creation whose answer can't be expanded as asked didn't happen."""
    assert wire("POST", "/v1/customers?expand[]=email").status == 400
    assert wire("GET", "/v1/customers").body["data"] == []


def test_what_is_embedded_anyway_may_be_asked_for(wire):
    """`data` alone, and objects that are always whole, are accepted and change nothing."""
    plain = wire("GET", "/v1/products/prod_pro/features").body
    assert wire("GET", "/v1/products/prod_pro/features?expand[]=data").body == plain
    assert wire("GET", "/v1/products/prod_pro/features?expand[]=data.entitlement_feature").body == plain


@pytest.mark.parametrize("path", ["products/prod_pro", "customers/cus_a", "products/prod_pro/features/prodft_a"])
def test_deletions_expand_nothing(wire, path):
    """DELETE of a product, customer or product feature knows no `expand`."""
    answer = wire("DELETE", f"/v1/{path}?expand[]=a")
    assert error_of(answer)[1]["code"] == "parameter_unknown"


def test_sixteen_writers_at_once_are_all_heard(emulator, connect):
    """Concurrent writes wait for one another; none is lost and none fails (R99)."""
    client = connect(emulator)
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda n: client.customers.create({"name": str(n)}).id, range(64)))
    assert {one.id for one in client.customers.list({"limit": 100}).data} == made
    assert len(made) == 64
