"""The steps of the walk fail where the world isn't as they say."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from entitlements.demo.browser import Browser
from entitlements.demo.process import ApplicationProcess
from entitlements.demo.shop import CATALOG, Shop
from entitlements.demo.steps import Stage
from entitlements.demo.walk import StepFailed, live, walk
from entitlements.emulator import StripeEmulator


class OpenToAll(BaseHTTPRequestHandler):
    """An application whose pages are for everybody."""

    def do_GET(self):
        body = json.dumps({"exports": ["a.csv"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def ungated():
    with ThreadingHTTPServer(("127.0.0.1", 0), OpenToAll) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_application_without_a_gate_fails_the_first_step():
    """The walk ends at once, and says that the page was not refused."""
    with (
        StripeEmulator(catalog=CATALOG) as stripe,
        Shop(stripe.url, stripe.api_key) as shop,
        ungated() as url,
        Browser(url) as browser,
    ):
        stage = Stage(browser, shop, stripe, alice=shop.welcome("Alice", "free"))
        with pytest.raises(StepFailed) as failed:
            list(walk(stage))
    assert str(failed.value) == (
        "step 1 (refused) did not do what it says: without Pro the exports should be refused: are they gated? "
        "(expected 402 Payment Required, got 200 OK)"
    )


def test_an_application_that_no_webhook_reaches_fails_the_third_step():
    """What is told of as the webhook's doing doesn't come about without it."""
    with live() as scene:
        stripe = scene.stage.stripe
        for endpoint in stripe.request("GET", "/v1/webhook_endpoints")["data"]:
            stripe.request("DELETE", f"/v1/webhook_endpoints/{endpoint['id']}")
        with pytest.raises(StepFailed) as failed:
            list(walk(scene.stage))
    assert (failed.value.number, failed.value.name) == (3, "admitted")
    assert "the purchase should have opened the page" in str(failed.value)


def test_an_application_that_can_not_start_is_noticed_at_once_and_its_last_words_are_kept():
    """Nobody waits for a process that is dead, and the reason of its death can be read."""
    with ApplicationProcess("entitlements.demo.nowhere") as application, Browser(application.url) as browser:
        application.start({})
        with pytest.raises(requests.ConnectionError):
            browser.open("/", "alice")
        application.stop()
        assert application.last_words().endswith("No module named entitlements.demo.nowhere")
