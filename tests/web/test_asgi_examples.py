from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import requests
from web_uvicorn import wire

from entitlements.testing import Ask

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
HTML = {"Accept": "text/html"}
ALICE, BOB = {"Cookie": "user=alice"}, {"Cookie": "user=bob"}


@contextmanager
def started(example):
    """Start an example as its first line says, and wait until it serves; give what sends it a request."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "PYTHONPATH": str(EXAMPLES.parent.parent)}
    process = subprocess.Popen([sys.executable, EXAMPLES / example], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 30
        assert select.select([process.stdout], [], [], 30)[0], "the example said nothing"
        line = process.stdout.readline()
        assert str(port) in line
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            assert time.monotonic() < until, "the example doesn't listen"
            time.sleep(0.02)
        ask = lambda path, method="GET", headers=None: wire(port, Ask(path, None, method, headers or {}))  # noqa: E731
        yield ask, line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def cancelled(stripe, customer):
    """Cancel what a customer bought, at Stripe, of which the application learns by webhook only."""
    key = ("sk_test_emulator", "")
    found = requests.get(f"{stripe}/v1/subscriptions", params={"customer": customer}, auth=key, timeout=10).json()
    requests.delete(f"{stripe}/v1/subscriptions/{found['data'][0]['id']}", auth=key, timeout=10).raise_for_status()


def refused(ask, path, headers):
    """Wait until a page is refused that was served; without the webhook it would be served for minutes."""
    until = time.monotonic() + 20
    while (reply := ask(path, headers=headers)).status == 200:
        assert time.monotonic() < until, "the webhook didn't arrive"
        time.sleep(0.02)
    return reply.status


def test_the_fastapi_example_sells_and_serves():
    """The API refuses with what would unlock it, sells, admits, says why, and hears of a cancellation."""
    alice, bob = {"X-Key": "key-alice"}, {"X-Key": "key-bob"}
    with started("fastapi_app.py") as (ask, stripe):
        no = ask("/exports", headers=alice)
        assert (no.status, json.loads(no.body)["unlock_with"]) == (402, [{"product": "prod_pro", "name": "Pro"}])
        assert ask("/exports").status == 403
        page = ask("/exports", headers={**alice, **HTML})
        assert page.headers["location"] == "/pricing?feature=exports&next=%2Fexports"
        assert json.loads(ask("/buy", "POST", alice).body) == "Pro is yours."
        assert json.loads(ask("/exports", headers=alice).body) == ["a.csv", "b.csv"]
        assert json.loads(ask("/exports/why", headers=alice).body)["reason"] == "entitled"
        assert ask("/exports", headers=bob).status == 402
        operation = json.loads(ask("/openapi.json").body)["paths"]["/exports"]["get"]
        assert {"402", "403", "503"} <= set(operation["responses"])
        cancelled(stripe, "cus_alice")
        assert refused(ask, "/exports", alice) == 402


def test_the_starlette_example_sells_and_serves():
    """The site sends a person to its pricing page, sells, serves the page, and hears of a cancellation."""
    with started("starlette_app.py") as (ask, stripe):
        away = ask("/prices", headers={**ALICE, **HTML})
        assert (away.status, away.headers["location"]) == (303, "/pricing?feature=prices&next=%2Fprices")
        assert ask("/live", "WEBSOCKET", ALICE).status == 402
        assert ask("/live", "WEBSOCKET").status == 403
        assert ask("/buy", "POST", ALICE).headers["location"] == "/prices"
        assert json.loads(ask("/prices", headers=ALICE).body) == {"tea": 4, "coffee": 5}
        assert ask("/prices", headers=BOB).status == 402
        assert ask("/sign-in/alice").headers["set-cookie"].startswith("user=alice")
        cancelled(stripe, "cus_alice")
        assert refused(ask, "/prices", ALICE) == 402
