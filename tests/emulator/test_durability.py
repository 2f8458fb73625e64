"""What was acknowledged is on disk, with the events that tell of it, whatever happens to the process."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
import requests
from emulator_receiver import Receiver

from entitlements.emulator import StoreError, StripeEmulator
from entitlements.emulator.store import Store

SHOP = {"features": {"exports": "Data exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
SERVE = f"""
import sys
from entitlements.emulator import serve
serve(0, sys.argv[1], {SHOP!r}, webhook=sys.argv[2], announce=lambda url, key, secret: print(url, flush=True))
"""
KILLS_A_FILE = 25
DEATH = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # without an answer, or within one


@pytest.fixture
def db(tmp_path):
    return tmp_path / "stripe.db"


@contextlib.contextmanager
def emulator_process(db, webhook):
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(db), webhook], stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def sell_until_it_dies(url, acknowledged):
    """Sell to one customer after another; note what was acknowledged."""
    with requests.Session() as session, contextlib.suppress(*DEATH):
        session.headers["Authorization"] = "Bearer sk_test_1"
        while True:
            customer = session.post(f"{url}/v1/customers", timeout=5).json()["id"]
            acknowledged.append((customer, None))
            form = {"customer": customer, "items[0][price]": "price_pro"}
            subscription = session.post(f"{url}/v1/subscriptions", data=form, timeout=5).json()["id"]
            acknowledged.append((customer, subscription))


@pytest.mark.parametrize(
    "kills", [20, pytest.param(1_000, marks=[pytest.mark.soak, pytest.mark.timeout(1_700)])], ids=str
)
def test_nothing_acknowledged_is_lost_to_a_kill_and_nothing_is_half_done(tmp_path, kills):
    """SIGKILL at random moments of purchases and deliveries: what was answered is there, and whole (R50)."""
    chance = random.Random(20261028)
    sold = 0
    for number in range(0, kills, KILLS_A_FILE):
        sold += survive(tmp_path / f"{number}.db", min(KILLS_A_FILE, kills - number), chance)
    print(f"{kills} kills, {sold} acknowledged changes, none lost, none half done")  # noqa: T201 - the figure of the soak
    assert sold > kills  # it did sell between the kills


def survive(db, kills, chance):
    """Kill the emulator over one file again and again, and look at the file each time."""
    acknowledged = []
    with Receiver() as receiver:
        for _ in range(kills):
            with emulator_process(db, receiver.url) as (process, url):
                killer = threading.Timer(chance.uniform(0.01, 0.15), os.kill, [process.pid, signal.SIGKILL])
                killer.start()
                sell_until_it_dies(url, acknowledged)
                killer.join()
            check_whole(db, acknowledged, heard(receiver))
        with StripeEmulator(db=db) as emulator:  # what was not told before is told in the end
            assert emulator.delivered(30)
            assert heard(receiver) == {delivery.event for delivery in emulator.deliveries()}
    return len(acknowledged)


def heard(receiver):
    """Name the events that came through; of a POST cut in two there is only a part."""
    whole = [one for one in list(receiver.received) if len(one.body) == int(one.headers["Content-Length"])]
    return {json.loads(one.body)["id"] for one in whole}


def check_whole(db, acknowledged, heard):
    """Each purchase has its entitlement, its events and their places in the outbox; no event was told that isn't so."""
    store = Store(db)
    try:
        with store.transaction() as tx:
            assert tx.sql("PRAGMA integrity_check").fetchall() == [("ok",)]
            customers = {one["id"] for one in tx.all("customer")}
            subscriptions = {one["id"]: one["customer"] for one in tx.all("subscription")}
            items = [parent for (parent,) in tx.sql("SELECT parent FROM objects WHERE kind = 'subscription_item'")]
            entitled = [parent for (parent,) in tx.sql("SELECT parent FROM objects WHERE kind = 'active_entitlement'")]
            events = tx.all("event")
            endpoints = {one["id"] for one in tx.all("webhook_endpoint")}
            outbox = tx.sql("SELECT event, endpoint, state, seq FROM deliveries").fetchall()
            taken = {number for (number,) in tx.sql("SELECT delivery FROM attempts WHERE status = 200")}
    finally:
        store.close()
    told = {
        kind: sorted(event["data"]["object"][name] for event in events if event["type"] == kind)
        for kind, name in (
            ("customer.created", "id"),
            ("customer.subscription.created", "id"),
            ("entitlements.active_entitlement_summary.updated", "customer"),
        )
    }
    of_the_shop = {"product.created", "price.created"}
    assert {customer for customer, _ in acknowledged} <= customers
    assert {subscription for _, subscription in acknowledged if subscription} <= subscriptions.keys()
    assert sorted(items) == sorted(subscriptions)
    assert sorted(entitled) == sorted(subscriptions.values())
    assert told == {
        "customer.created": sorted(customers),
        "customer.subscription.created": sorted(subscriptions),
        "entitlements.active_entitlement_summary.updated": sorted(entitled),
    }
    to_tell = {
        (event["id"], endpoint) for event in events if event["type"] not in of_the_shop for endpoint in endpoints
    }
    assert sorted(to_tell) == sorted((event, endpoint) for event, endpoint, _, _ in outbox)
    assert {number for _, _, state, number in outbox if state == "succeeded"} == taken
    assert heard <= {event["id"] for event in events}


def test_a_restart_remembers_everything(db, connect):
    """Objects, entitlements and idempotent answers are there in the next run."""
    with StripeEmulator(db=db, catalog=SHOP) as emulator:
        client = connect(emulator)
        customer = client.customers.create({"email": "a"}, {"idempotency_key": "k"})
        emulator.subscribe(customer.id, "pro")
    with StripeEmulator(db=db) as emulator:
        client = connect(emulator)
        again = client.customers.create({"email": "a"}, {"idempotency_key": "k"})
        assert (again.id, again.last_response.headers["Idempotent-Replayed"]) == (customer.id, "true")
        assert emulator.entitlements(customer.id) == ("exports",)


def test_webhooks_unsent_at_the_end_leave_in_the_next_run(db):
    """The outbox outlives the process."""
    with Receiver() as receiver:
        with StripeEmulator(db=db, retries=(60.0,)) as emulator:
            receiver.statuses.append(500)
            emulator.webhook(receiver.url)
            emulator.customer("cus_alice")
            changed = emulator._open.deliveries.changed
            with changed:
                assert changed.wait_for(lambda: emulator.deliveries()[0].attempts, 5)
        with StripeEmulator(db=db) as emulator:
            assert emulator.delivered()
            assert [len(delivery.attempts) for delivery in emulator.deliveries()] == [2]


def test_the_file_is_kept_the_careful_way(db):
    """A rollback journal, synchronous=EXTRA, and the file for itself."""
    store = Store(db)
    try:
        with store.transaction() as tx:
            settings = [
                tx.sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "locking_mode")
            ]
        assert settings == ["delete", 3, "exclusive"]
    finally:
        store.close()


def _fail_halfway(store):
    with store.transaction() as tx:
        tx.add("customer", {"id": "cus_1"})
        _ = 1 / 0


def test_a_failed_change_leaves_no_trace():
    """An error in the middle undoes what came before it."""
    store = Store()
    try:
        with pytest.raises(ZeroDivisionError):
            _fail_halfway(store)
        with store.transaction() as tx:
            assert tx.all("customer") == []
    finally:
        store.close()


def other_program(db):
    with contextlib.closing(sqlite3.connect(db)) as connection:
        connection.execute("CREATE TABLE theirs (a)")


def other_version(db):
    Store(db).close()
    with contextlib.closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 99")


def no_database(db):
    db.write_bytes(b"certainly not a database, but long enough to be looked at" * 20)


def no_folder(db):
    db.parent.rmdir()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (other_program, "is a database of another program"),
        (other_version, "has schema version 99"),
        (no_database, "is not a database of this emulator"),
        (no_folder, "can't open"),
    ],
)
def test_a_file_that_is_not_its_own_is_refused(db, prepare, message):
    """The emulator starts over no other program's data, and says what is wrong."""
    prepare(db)
    with pytest.raises(StoreError, match=message), StripeEmulator(db=db):
        pass


def test_a_file_serves_one_emulator_at_a_time(db):
    """A second emulator over the same file is told that it is in use."""
    with StripeEmulator(db=db), pytest.raises(StoreError, match="is another emulator running on it"):
        StripeEmulator(db=db).start()
