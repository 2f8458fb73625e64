"""Run a simulated world: `python tests/support/simulated_run.py SEED STEPS` reproduces what a test reported.

With a third figure it goes on from seed to seed for so many seconds, or until a promise is broken.

The clocks and locks that the library takes from modules, rather than through its seams, are the world's for the length
of a run. With PLANTED_BUG set, that bug is in place.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulated_world import World

__all__ = ["run"]


def run(seed: int, steps: int) -> World:
    """Run a seed's world for some steps; whatever it raises says how to run it again.

    Raises:
        Violation: an answer broke a promise.
    """
    from simulated_rest import come_to_rest
    from simulated_world import World

    world = World(seed)
    with _inhabited(world):
        try:
            world.run(steps)
            come_to_rest(world)
        except BaseException as error:
            error.add_note(_story(world))
            raise
        finally:
            world.host.close()
    return world


def _story(world: World) -> str:
    lines = [f"    step {step}, second {at}: {' '.join(map(str, what))}" for step, at, *what in world.told]
    again = f"SEED={world.seed} python -m pytest tests/simulator"
    return "\n".join([f"seed {world.seed}, step {world.steps}; {again}", *lines])


@contextmanager
def _inhabited(world: World) -> Iterator[None]:
    from simulated_locks import Latch

    from entitlements import resolver, token
    from entitlements.cache import answers
    from entitlements.feeds.sweeper import Sweeper

    def monotonic() -> float:
        if world.running is not None:
            world.running.point()
        return world.time.monotonic()

    def boot() -> int:
        return world.host.boots

    def start(sweeper: Sweeper) -> None:
        if world.running is not None:
            world.running.sweeps(sweeper)

    with ExitStack() as stack:
        for where, name, ours in (
            (resolver, "monotonic", monotonic),
            (answers, "monotonic", monotonic),
            (token, "real_now", monotonic),
            (token, "this_boot", boot),
            (Sweeper, "start", start),
            (threading, "Lock", lambda: Latch(world)),
            (threading, "RLock", lambda: Latch(world, again=True)),
        ):
            stack.enter_context(patch.object(where, name, ours))
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        yield


def main() -> int:
    import planted

    if bug := os.environ.get("PLANTED_BUG"):
        planted.plant(bug)
    from simulated_checks import Violation

    seed, steps, patience = int(sys.argv[1]), int(sys.argv[2]), float((sys.argv[3:] or ["0"])[0])
    began = time.process_time()
    while True:
        try:
            world = run(seed, steps)
        except Violation as violation:
            print(f"seed {seed}, {time.process_time() - began:.3f} s: {violation}")  # noqa: T201
            return 1
        if time.process_time() - began >= patience:
            break
        seed += 1
    for what, often in sorted(world.seen.items()):
        print(f"{often:10,} {what}")  # noqa: T201
    print(world.digest)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
