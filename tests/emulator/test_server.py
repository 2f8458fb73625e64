"""The server: up at once, down at once, on loopback only, deaf to live keys, and not frozen with the test."""

from __future__ import annotations

import base64
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from emulator_receiver import Receiver
from freezegun import freeze_time

from entitlements.emulator import DEFAULT_KEY, Clock, LiveKeyError, StripeEmulator


def threads():
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("stripe-emulator")}


def test_it_serves_when_start_returns_and_is_gone_when_stop_does():
    """No thread, no socket and no warning is left, and the port is free again."""
    with Receiver() as receiver, StripeEmulator() as emulator:
        emulator.webhook(receiver.url)
        emulator.customer()
        receiver.wait_for(1)
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        assert requests.get(f"{emulator.url}/v1/customers", headers=headers, timeout=5).status_code == 200
        port = int(emulator.url.rpartition(":")[2])
        assert threads()
    gc.collect()
    assert threads() == set()
    with StripeEmulator(port) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_starting_and_stopping_is_quick():
    """Twenty lives take less than three seconds: tests may each have their own emulator."""
    begun = time.monotonic()
    for _ in range(20):
        with StripeEmulator() as emulator:
            emulator.customer()
    assert time.monotonic() - begun < 3


def test_start_and_stop_may_be_called_twice():
    """A second call changes nothing."""
    emulator = StripeEmulator()
    assert emulator.start() is emulator.start()
    emulator.stop()
    emulator.stop()
    with emulator:
        assert emulator.customer("cus_a") == "cus_a"


def test_it_listens_on_loopback_alone(emulator):
    """The address is 127.0.0.1 and nothing else."""
    assert emulator.url.startswith("http://127.0.0.1:")
    port = int(emulator.url.rpartition(":")[2])
    with contextlib.suppress(socket.gaierror):
        outside = socket.gethostbyname(socket.gethostname())
        if not outside.startswith("127."):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((outside, port), timeout=2)


def test_a_taken_port_is_named():
    """Two emulators can't share a port, and the message says which."""
    with StripeEmulator() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"can't listen on 127.0.0.1:{port}"):
            StripeEmulator(port).start()


@pytest.mark.parametrize("key", ["sk_live_123", "rk_live_123", "pk_live_123"])
def test_a_live_key_is_refused_before_anything_starts(key):
    """The constructor raises, and the message keeps the key to itself."""
    with pytest.raises(LiveKeyError, match="live key") as refused:
        StripeEmulator(api_key=key)
    assert key not in str(refused.value)
    assert isinstance(refused.value, ValueError)


def test_what_needs_it_running_says_so():
    """Neither an address nor a customer can be had before the start."""
    emulator = StripeEmulator()
    for use in (lambda: emulator.url, emulator.customer):
        with pytest.raises(RuntimeError, match=r"start\(\)"):
            use()


def test_names_that_are_nothing_are_told(emulator):
    """Subscribing to what isn't there, or attaching what isn't, raises a LookupError that names it."""
    with pytest.raises(LookupError, match="'gold'"):
        emulator.subscribe(emulator.customer(), "gold")
    with pytest.raises(LookupError, match="'teleport'"):
        emulator.attach("pro", "teleport")


def test_a_frozen_test_does_not_freeze_it():
    """Under a frozen clock it starts, serves, dawdles, retries webhooks and stops; its time is the frozen one."""
    with freeze_time("2026-01-01"), Receiver(500) as receiver, StripeEmulator(retries=(0.01,)) as emulator:
        emulator.webhook(receiver.url)
        emulator.faults.delay(0.01, "POST", times=1)
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        made = requests.post(f"{emulator.url}/v1/customers", headers=headers, timeout=5).json()
        assert made["created"] == 1_767_225_600
        assert [one.signature.split(",")[0] for one in receiver.wait_for(2)] == ["t=1767225600"] * 2
        assert emulator.delivered()


def test_a_clock_that_stands_still_moves_when_told():
    """Whole seconds from a start of one's choice, forward only."""
    clock = Clock(1_000)
    assert [clock.now(), clock.advance(seconds=5), clock.advance(days=1)] == [1_000, 1_005, 87_405]
    with pytest.raises(ValueError, match="can't go back by 1 s"):
        clock.advance(seconds=-1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_ends_cleanly_on_a_signal(number):
    """`serve` announces its address, key and webhook secret, and a signal ends it with status 0 and no noise."""
    script = (
        "from entitlements.emulator import serve\n"
        "serve(announce=lambda *told: print(*told, flush=True), webhook='http://127.0.0.1:9/hook')\n"
        "print('over')"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url, key, secret = process.stdout.readline().split()
        assert (key, secret[:6]) == (DEFAULT_KEY, "whsec_")
        headers = {"Authorization": f"Bearer {key}"}
        assert requests.get(f"{url}/v1/customers", headers=headers, timeout=5).json()["data"] == []
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "over\n", "")


def test_reset_makes_it_reachable_again():
    """A test that failed between pause and resume breaks no other."""
    with StripeEmulator() as emulator:
        emulator.pause()
        emulator.reset()
        assert requests.get(f"{emulator.url}/v1/products", auth=(DEFAULT_KEY, ""), timeout=10).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic " + base64.b64encode(b"sk_test_x:sk_live_secret").decode()},
        {"Authorization": "Bearer SK_LIVE_secret"},
        {"Authorization": "Bearer sk_test_"},
        {"Authorization": f"Bearer {DEFAULT_KEY}", "Stripe-Account": "sk_live_secret"},
    ],
)
def test_a_live_key_is_refused_wherever_it_stands_and_not_repeated(headers):
    """In a password, in capitals, in another header: a live key opens nothing, and no answer holds it."""
    with StripeEmulator() as emulator:
        answer = requests.get(f"{emulator.url}/v1/products", headers=headers, timeout=10)
    assert (answer.status_code, "secret" in answer.text) == (401, False)
