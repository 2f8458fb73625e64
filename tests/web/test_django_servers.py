"""Django behind real servers: its own, gunicorn and uvicorn, with an emulated Stripe that sends real webhooks."""

from __future__ import annotations

import gzip
import http.client
import json

import pytest
from controlled import wait_for
from django_servers import SERVERS, reserved, served
from signed import SECRET, event, signature
from web_servers import ask

from entitlements.emulator import StripeEmulator

SHOP = {"features": {"exports": "Exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
HTML = "text/html,*/*;q=0.8"


class Site:
    """A server, and the Stripe behind it."""

    def __init__(self, stripe, port, server):
        self.stripe = stripe
        self.port = port
        self.server = server

    def open(self, path, user=None, method="GET", accept="*/*"):
        headers = {"Accept": accept, "Connection": "close", **({"X-User": user} if user else {})}
        return ask(self.port, path, method, headers=headers)

    def post(self, path, body, **headers):
        headers = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        return ask(self.port, path, "POST", headers=headers, body=body)


@pytest.fixture(scope="module", params=SERVERS)
def site(request):
    with StripeEmulator(catalog=SHOP) as stripe, reserved() as listener:
        port = listener.getsockname()[1]
        secret = stripe.webhook(f"http://127.0.0.1:{port}/stripe/webhook")
        environment = {"STRIPE_API_KEY": stripe.api_key, "STRIPE_API_BASE": stripe.url}
        with served(request.param, listener, STRIPE_WEBHOOK_SECRET=f"{secret},{SECRET}", **environment) as port:
            for customer in ("cus_1", "cus_payer"):
                stripe.subscribe(stripe.customer(customer), "pro")
            stripe.customer("cus_none")
            yield Site(stripe, port, request.param)


@pytest.mark.parametrize("path", ["/report", "/areport"])
def test_a_real_server_sends_each_answer(site, path):
    """Admitted, refused, sent to the page that sells, nobody, HEAD, a form, and cannot tell."""
    wait_for(lambda: site.open(path, "cus_payer").status == 200)
    assert site.open(path, "cus_payer").headers["cache-control"] == "private, no-store"
    refusal = site.open(path, "cus_none")
    assert (refusal.status, refusal.problem["unlock_with"]) == (402, [{"product": "prod_pro", "name": "Pro"}])
    assert site.open(path, "cus_none", "HEAD").body == b""
    sold = site.open(f"{path}?x=1", "cus_none", accept=HTML)
    assert (sold.status, sold.headers["location"]) == (303, f"/pricing?feature=exports&next=%2F{path[1:]}%3Fx%3D1")
    assert site.open(path, "cus_none", "POST", HTML).status == 402
    assert site.open(path, None).status == 403
    site.stripe.faults.status(503, "GET", "/v1/entitlements/*", times=5)
    unsure = site.open(path, f"cus_unseen{path[1:]}")
    assert (unsure.status, "retry-after" in unsure.headers) == (503, True)
    site.stripe.faults.clear()


def test_a_real_server_streams_for_who_may(site):
    """A streamed body asks for the request's customer at each of its steps."""
    wait_for(lambda: site.open("/report", "cus_payer").status == 200)
    path = "/arows" if site.server == "uvicorn" else "/rows"
    assert site.open(path, "cus_payer").body == b"0\n1\n2\n"
    assert site.open(path, "cus_none").status == 402


def test_a_stream_refused_midway_is_seen_to_break(site):
    """R19: once bytes are out a refusal breaks the connection, so that nobody takes the part for the whole."""
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        site.open("/breaks", "cus_none")
    assert site.open("/who").body == b"None"


def test_the_threads_of_a_real_server_are_left_clean(site):
    """R36: whoever was served before, and however it went, no customer is left behind."""
    for user in ("cus_payer", "cus_none", None):
        for path in ("/report", "/areport", "/rows"):
            site.open(path, user)
        assert site.open("/who").body == b"None"


PLAIN = event()
ACCENTED = event(data={"object": {"customer": "cus_1", "name": "Grüße ✓"}})
UNESCAPED = json.dumps(json.loads(ACCENTED), ensure_ascii=False).encode()
BODIES = {  # what was signed, what is sent, and what is said of it
    "plain": (PLAIN, PLAIN, {}),
    "gzip": (PLAIN, gzip.compress(PLAIN), {"Content_Encoding": "gzip"}),
    "gzip in name only": (PLAIN, PLAIN, {"Content_Encoding": "gzip"}),
    "another charset": (UNESCAPED, UNESCAPED, {"Content_Type": "application/json; charset=iso-8859-1"}),
    "no charset at all": (UNESCAPED, UNESCAPED, {"Content_Type": "application/json; charset=nonsense"}),
    "unicode escapes": (ACCENTED, ACCENTED, {}),
    "a form": (PLAIN, PLAIN, {"Content_Type": "application/x-www-form-urlencoded"}),
}


@pytest.mark.parametrize("path", ["/stripe/webhook", "/stripe/awebhook"])
@pytest.mark.parametrize("oddity", BODIES)
def test_a_real_server_hands_over_the_raw_webhook(site, path, oddity):
    """R82: an event is verified on its own bytes, whatever they look like, and though Django's own limit is lower."""
    signed, sent, headers = BODIES[oddity]
    assert site.post(path, sent, Stripe_Signature=signature(signed), **headers).body == b'{"received": true}'
    assert site.post(path, sent, Stripe_Signature=signature(signed + b" "), **headers).status == 400


@pytest.mark.parametrize("path", ["/stripe/webhook", "/stripe/awebhook"])
def test_a_webhook_s_length_is_bounded(site, path):
    """R93: what is declared too long is refused unread; other methods are, too."""
    # Refused before it is read, so that a server may hang up while the client still sends.
    try:
        assert site.post(path, b"x" * 262_145, Stripe_Signature="t=1,v1=00").status == 413
    except ConnectionError:
        assert site.server != "uvicorn"
    assert (site.open(path).status, site.open(path).headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("site", ["gunicorn", "uvicorn"], indirect=True)  # Django's own server reads no such body
def test_a_chunked_webhook_arrives(site):
    """R93: a body sent in chunks, without a length, is read whole, and no further than an event is long."""
    for path in ("/stripe/webhook", "/stripe/awebhook"):
        pieces = (event()[at : at + 7] for at in range(0, len(event()), 7))
        assert site.post(path, pieces, Stripe_Signature=signature(event())).status == 200
        assert site.post(path, iter([b"x" * 262_145]), Stripe_Signature="t=1,v1=00").status == 413


def test_a_purchase_is_admitted_when_its_webhook_came(site):
    """R01: who was refused and buys is admitted as soon as Stripe has told us, and refused again when it ends."""
    buyer = site.stripe.customer()
    assert site.open("/report", buyer).status == 402
    subscription = site.stripe.subscribe(buyer, "pro")
    wait_for(lambda: site.open("/report", buyer).status == 200)
    site.stripe.cancel(subscription)
    wait_for(lambda: site.open("/report", buyer).status == 402)
