"""A pool of processes as Celery has one, and what all of them say while a subscription comes and goes.

python process_pool.py METHOD TASKS_PER_CHILD [SHARED_PATH], with STRIPE_API_KEY, STRIPE_API_BASE and SUBSCRIPTION
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING, Final

import planted

if "PLANTED_BUG" in os.environ and "entitlements" not in sys.modules:
    planted.plant(os.environ["PLANTED_BUG"])

from process_kernel import connections, shared

from entitlements import Entitlements, Limits

if TYPE_CHECKING:
    from multiprocessing.pool import Pool
    from multiprocessing.synchronize import Barrier

WORKERS: Final = 4
CUSTOMER: Final = "cus_1"

_ents: Entitlements | None = None
_together: Barrier | None = None


def prepare(together: Barrier, shared_path: str | None) -> None:
    """Begin a worker's life: with what it inherited, or with an instance of its own."""
    global _ents, _together  # noqa: PLW0603 - as Celery's applications do it
    _together = together
    if _ents is None:
        _ents = instance(shared_path)


def instance(shared_path: str | None) -> Entitlements:
    given = {"shared_path": shared_path} if shared_path else {}
    return Entitlements(limits=Limits(deadline=20), **given)  # type: ignore[arg-type]  # **given


def ask(_task: int = 0) -> tuple[int, bool]:
    """Answer once all workers are asked, so that each of them has one question."""
    assert _ents is not None
    if _together is not None:
        _together.wait(20)
    return os.getpid(), _ents.has_feature(CUSTOMER, "exports")


def invalidate() -> int:
    assert _ents is not None
    _ents.invalidate(CUSTOMER)
    return os.getpid()


def _stripe(method: str, path: str, body: str | None = None) -> dict[str, object]:
    request = urllib.request.Request(
        os.environ["STRIPE_API_BASE"] + path,
        data=body.encode() if body is not None else None,
        method=method,
        headers={"Authorization": f"Bearer {os.environ['STRIPE_API_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        found: dict[str, object] = json.load(reply)
    return found


def _answers(pool: Pool, seen: set[int]) -> list[bool]:
    told = dict(pool.map(ask, range(WORKERS), chunksize=1))
    assert len(told) == WORKERS
    seen |= set(told)
    return sorted(set(told.values()))


def main(method: str, tasks_per_child: int | None, shared_path: str | None) -> dict[str, object]:
    global _ents  # noqa: PLW0603 - see `prepare`
    context = multiprocessing.get_context(method)
    _ents = ents = instance(shared_path)
    assert ents.has_feature(CUSTOMER, "exports")
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [ents.check(CUSTOMER, "exports") for _ in iter(stop.is_set, True)])
    busy.start()  # so that workers are forked while a thread asks
    seen: set[int] = set()
    together = context.Barrier(WORKERS)
    with context.Pool(WORKERS, prepare, (together, shared_path), maxtasksperchild=tasks_per_child) as pool:
        told = [_answers(pool, seen)]
        _stripe("DELETE", f"/v1/subscriptions/{os.environ['SUBSCRIPTION']}")
        invalidate()
        told.append(_answers(pool, seen))
        _stripe("POST", "/v1/subscriptions", f"customer={CUSTOMER}&items[0][price]={os.environ['PRICE']}")
        told.append([pool.apply(invalidate) != os.getpid(), ask()[1]])
        told.append(_answers(pool, seen))
        port = int(os.environ["STRIPE_API_BASE"].rpartition(":")[2])
        alive = [os.getpid(), *(process.pid for process in multiprocessing.active_children() if process.pid)]
        common = shared({pid: connections(pid, port) for pid in alive})
        stop.set()
        busy.join()
        pool.close()
        pool.join()
    ents.close()
    return {"told": told, "workers": len(seen), "shared": list(common.values())}


if __name__ == "__main__":
    method, tasks, *rest = sys.argv[1:]
    found = main(method, int(tasks) or None, rest[0] if rest else None)
    print(json.dumps(found))  # noqa: T201 - what a test reads
