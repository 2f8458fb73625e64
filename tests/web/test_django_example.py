"""The example that is copied from: started as its first line says, and visited."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from controlled import wait_for
from django_servers import reserved

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "django_app.py"
HTML = {"Accept": "text/html,*/*;q=0.8"}


class Shop:
    """The example, running."""

    def __init__(self, url, stripe):
        self.url = url
        self.stripe = stripe

    def visitor(self, user=None):
        session = requests.Session()
        session.trust_env = False
        if user:
            session.get(f"{self.url}/sign-in/{user}")
        return session


@pytest.fixture(scope="module")
def shop():
    with reserved() as listener:
        port = str(listener.getsockname()[1])
    environment = {"PORT": port, "PYTHONPATH": str(EXAMPLE.parent.parent.parent), "PATH": ""}
    with subprocess.Popen([sys.executable, EXAMPLE], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            url, stripe = re.findall(r"http://[\d.:]+", process.stdout.readline())
            wait_for(lambda: process.poll() is not None or _answers(url), seconds=30)
            assert process.poll() is None
            yield Shop(url, stripe)
        finally:
            process.terminate()


def _answers(url):
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_stranger_is_sold_nothing_and_shown_nothing(shop):
    """Nobody signed in is refused without a bill."""
    assert shop.visitor().get(f"{shop.url}/exports").json()["reason"] == "anonymous"


@pytest.mark.parametrize("page", ["/exports", "/exports/a.csv"])
def test_a_user_is_told_what_unlocks_a_page(shop, page):
    """Who lacks it is told of Pro, or sent to where it is sold, and the home page offers it."""
    bob = shop.visitor("bob")
    refused = bob.get(f"{shop.url}{page}")
    assert (refused.status_code, refused.json()["unlock_with"]) == (402, [{"product": "prod_pro", "name": "Pro"}])
    sold = bob.get(f"{shop.url}{page}", headers=HTML)
    assert sold.url.startswith(f"{shop.url}/pricing?feature=exports&next=")
    assert "Get exports with Pro" in bob.get(shop.url).text


def test_a_user_buys_and_is_admitted_and_is_refused_when_it_ends(shop):
    """From the button to the page, and by Stripe's webhook alone to the end of it."""
    alice = shop.visitor("alice")
    alice.get(f"{shop.url}/pricing")
    bought = alice.post(f"{shop.url}/buy", headers={"X-CSRFToken": alice.cookies["csrftoken"]})
    assert (bought.url, bought.json()) == (f"{shop.url}/exports", {"exports": ["a.csv", "b.csv"]})
    assert alice.get(f"{shop.url}/exports/a.csv").text == "the rows of a.csv\n"
    assert "Export your data" in alice.get(shop.url).text
    auth = ("sk_test_emulator", "")
    subscriptions = requests.get(f"{shop.stripe}/v1/subscriptions", auth=auth, timeout=5).json()["data"]
    requests.delete(f"{shop.stripe}/v1/subscriptions/{subscriptions[0]['id']}", auth=auth, timeout=5).raise_for_status()
    wait_for(lambda: alice.get(f"{shop.url}/exports").status_code == 402)
