"""How fast the emulator is: a purchase from request to webhook, and one customer's list among a hundred thousand.

    python benchmarks/emulator.py [--customers 100000]

Each line has the measure, its goal and whether it was met; the exit status is 1 if one was missed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from entitlements.emulator import StripeEmulator
from entitlements.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SHOP = {
    "features": {name: name.capitalize() for name in ("exports", "sso", "audit", "api", "themes")},
    "products": {"pro": {"features": ["exports", "sso", "audit", "api", "themes"], "price": 2900}},
}
EACH = 5  # entitlements of a customer
PURCHASES, LISTS, WARM_UP = 300, 500, 20
SUMMARY = b"entitlements.active_entitlement_summary.updated"


@dataclass(frozen=True)
class Measure:
    """What was measured, in milliseconds, and what it had to be."""

    what: str
    goal: float
    times: list[float]

    @property
    def met(self) -> bool:
        return statistics.median(self.times) < self.goal

    def __str__(self) -> str:
        ordered = sorted(self.times)
        median, late = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        verdict = "met" if self.met else "MISSED"
        return f"{self.what:<62} median {median:6.2f} ms   p99 {late:6.2f} ms   goal {self.goal:g} ms   {verdict}"


def timed(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return (time.perf_counter() - begun) * 1_000


@contextmanager
def receiver() -> Generator[tuple[str, threading.Event]]:
    """Listen for webhooks; tell when a summary event has come."""
    told = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if SUMMARY in self.rfile.read(int(self.headers["Content-Length"])):
                told.set()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", told
        server.shutdown()
        thread.join()


@contextmanager
def client(emulator: StripeEmulator) -> Generator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {emulator.api_key}"
        yield session


def purchases() -> Measure:
    """Subscribe one customer after another, and wait for the webhook each time."""
    with receiver() as (url, told), StripeEmulator(catalog=SHOP) as emulator, client(emulator) as session:
        emulator.webhook(url, [SUMMARY.decode()])

        def buy(customer: str) -> None:
            told.clear()
            form = {"customer": customer, "items[0][price]": "price_pro"}
            session.post(f"{emulator.url}/v1/subscriptions", data=form, timeout=5).raise_for_status()
            if not told.wait(5):
                raise TimeoutError("the webhook did not come")

        customers = [emulator.customer() for _ in range(PURCHASES + WARM_UP)]
        times = [timed(lambda customer=customer: buy(customer)) for customer in customers]
    return Measure("a purchase, POST to webhook at its receiver (in memory)", 15, times[WARM_UP:])


def fill(db: Path, customers: int) -> float:
    """Put customers and their entitlements into a file, in one transaction; give the seconds it took."""
    with StripeEmulator(db=db, catalog=SHOP, serve=False) as emulator:
        features = emulator.request("GET", "/v1/entitlements/features")["data"]
        model = emulator.request("GET", f"/v1/customers/{emulator.customer('cus_model')}")
    begun = time.perf_counter()
    store = Store(db)
    with store.transaction() as tx:
        for number in range(customers):
            tx.add("customer", {**model, "id": f"cus_{number}"})
            for place, feature in enumerate(features):
                entitlement = {
                    "id": f"ent_test_61{number}x{place}",
                    "object": "entitlements.active_entitlement",
                    "feature": feature["id"],
                    "livemode": False,
                    "lookup_key": feature["lookup_key"],
                }
                tx.add("active_entitlement", entitlement, parent=f"cus_{number}")
    store.close()
    return time.perf_counter() - begun


def lists(customers: int) -> Measure:
    """List one customer's entitlements after another, at random, from a file that holds many."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "stripe.db"
        seconds = fill(db, customers)
        size = db.stat().st_size / 1_000_000
        print(f"{customers} customers with {customers * EACH} entitlements: {size:.0f} MB, filled in {seconds:.1f} s")
        with StripeEmulator(db=db) as emulator, client(emulator) as session:

            def ask(customer: str) -> None:
                path = f"{emulator.url}/v1/entitlements/active_entitlements?limit=100&customer={customer}"
                if len(session.get(path, timeout=30).json()["data"]) != EACH:
                    raise AssertionError(f"{customer} has lost entitlements")

            asked = [f"cus_{chance.randrange(customers)}" for _ in range(LISTS + WARM_UP)]
            times = [timed(lambda customer=customer: ask(customer)) for customer in asked]
    return Measure(f"one customer's list among {customers} (on disk)", 10, times[WARM_UP:])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    customers = parser.parse_args().customers
    measures = [purchases(), lists(customers)]
    print(*measures, sep="\n")
    return 0 if all(measure.met for measure in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
