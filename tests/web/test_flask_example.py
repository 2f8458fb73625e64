"""The example of docs/examples/flask_app.py, as a person would use it: started, and visited over HTTP."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from controlled import wait_for

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "flask_app.py"
HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def shop(tmp_path):
    """Start the example; give its own address, and its Stripe's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, str(EXAMPLE)]
        process = subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, stdout=output, stderr=output)
    try:
        wait_for(lambda: process.poll() is not None or b"Running on" in log.read_bytes(), seconds=20)
        assert process.poll() is None, log.read_text()
        yield re.findall(r"http://[0-9.:]+", log.read_text())[:2]
    finally:
        process.terminate()
        process.wait(20)


class Visitor(requests.Session):
    def __init__(self, shop):
        super().__init__()
        self.trust_env = False
        self.shop = shop

    def open(self, path, method="GET"):
        return self.request(method, f"{self.shop}{path}", headers=HTML, allow_redirects=True, timeout=10)


def test_a_customer_buys_and_is_let_in(shop):
    """Refused to the page that sells; bought; let in at once; the other customer still isn't."""
    ours, _ = shop
    with Visitor(ours) as alice, Visitor(ours) as bob:
        assert "Hello, stranger" in alice.open("/").text
        assert alice.open("/exports").status_code == 403
        for visitor, name in ((alice, "alice"), (bob, "bob")):
            assert "Get exports with Pro" in visitor.open(f"/sign-in/{name}").text
        refused = alice.open("/exports")
        assert (refused.status_code, refused.url) == (200, f"{ours}/pricing?feature=exports&next=%2Fexports")
        bought = alice.open("/buy", "POST")
        assert (bought.url, bought.json()) == (f"{ours}/exports", {"exports": ["a.csv", "b.csv"]})
        assert "Export your data" in alice.open("/").text
        assert bob.open("/exports").url.startswith(f"{ours}/pricing")


def test_what_stripe_tells_changes_who_may(shop):
    """A subscription that ends, and one that begins, without the shop: the webhook tells it."""
    ours, stripe = shop
    with Visitor(ours) as alice, requests.Session() as owner:
        owner.trust_env = False
        owner.auth = ("sk_test_emulator", "")
        alice.open("/sign-in/alice")
        alice.open("/buy", "POST")
        bought = owner.get(f"{stripe}/v1/subscriptions", params={"customer": "cus_alice"}, timeout=10).json()["data"]
        assert owner.delete(f"{stripe}/v1/subscriptions/{bought[0]['id']}", timeout=10).status_code == 200
        wait_for(lambda: alice.open("/exports").url.startswith(f"{ours}/pricing"), seconds=3)
        again = {"customer": "cus_alice", "items[0][price]": "price_pro"}
        assert owner.post(f"{stripe}/v1/subscriptions", data=again, timeout=10).status_code == 200
        wait_for(lambda: "Export your data" in alice.open("/").text, seconds=3)
