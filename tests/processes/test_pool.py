"""R39: workers of `multiprocessing.Pool`, which Celery's are like: each hears of changes, recycled ones too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import process_pool
import pytest

from entitlements.emulator import StripeEmulator

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system doesn't tell what is open")
CATALOG = {
    "features": {"exports": "Data exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}


def run(*arguments):
    """Run a pool against an emulator that is not in its processes."""
    with StripeEmulator(catalog=CATALOG) as stripe:
        subscription = stripe.subscribe(stripe.customer("cus_1"), "pro")
        (price,) = stripe.request("GET", "/v1/prices")["data"]
        reach = {"STRIPE_API_KEY": stripe.api_key, "STRIPE_API_BASE": stripe.url}
        told = subprocess.run(
            [sys.executable, process_pool.__file__, *arguments],
            env={**os.environ, **reach, "SUBSCRIPTION": subscription, "PRICE": price["id"]},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert (told.returncode, told.stderr) == (0, "")
    return json.loads(told.stdout)


YES, NO = [True], [False]


@pytest.mark.parametrize("tasks_per_child", [0, 1], ids=["lasting", "recycled"])
def test_each_worker_of_a_forked_pool_hears_of_every_change(tasks_per_child):
    """Made known in the parent or in one worker, a change is seen by all, and by workers forked later from a thread."""
    found = run("fork", str(tasks_per_child))
    assert (found["told"], found["shared"]) == ([YES, NO, [True, True], YES], [])
    assert found["workers"] == (12 if tasks_per_child else 4)


def test_each_worker_of_a_spawned_pool_hears_of_every_change(tmp_path):
    """Workers that inherit nothing share a path, and hear of changes at once."""
    found = run("spawn", "0", str(tmp_path / "shared"))
    assert (found["told"], found["shared"], found["workers"]) == ([YES, NO, [True, True], YES], [], 4)
