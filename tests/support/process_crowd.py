"""A crowd of processes, the changes ordered from them, and what came of it.

As a script it is the process that the crowd is started from, so that a test's own process is never forked:

python process_crowd.py '{"how": "fork", "changes": 2000, "directory": "/tmp/x"}'
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import planted

if "PLANTED_BUG" in os.environ and "entitlements" not in sys.modules:
    planted.plant(os.environ["PLANTED_BUG"])

import process_worker
from process_plan import Plan, Report
from process_start import Fork, Process, Run, Started
from process_world import CUSTOMERS, MAILBOX, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from entitlements import Entitlements

__all__ = ["Crowd", "run"]

_PATIENCE = 60.0  # seconds in which something must move
_MOST_UNDER_WAY = CUSTOMERS * 3 // 4


def run(**plan: object) -> Report:
    """Carry a plan out in a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, json.dumps(plan)], capture_output=True, text=True, timeout=1_750, check=False
    )
    assert (told.returncode, "Traceback" in told.stderr) == (0, False), (told.returncode, told.stderr[-4_000:])
    return Report(**json.loads(told.stdout))


class Crowd:
    """Start the processes, give them orders, kill and replace some, and count."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._path = str(Path(plan.directory) / "world")
        self._shared_path = str(Path(plan.directory) / "shared") if plan.shared else None
        self.world = World.made(Path(self._path))
        self._source = process_worker.TruthReader(self.world)
        self._random = random.Random(os.getpid())
        self._own = self._warm() if plan.how in {"fork", "mp-fork"} else None
        self._processes = [self._start(number) for number in range(plan.workers)]
        self._ordered: dict[int, tuple[int, int]] = {}  # by customer: whose mailbox, and where in it
        self._doomed: set[int] = set()
        self._begun = self._done = self._redone = self._kills = self._deaths = 0

    def _warm(self) -> Entitlements:
        """Build an instance that knows everybody, for children to inherit."""
        ents = process_worker.instance(self._source, self._shared_path)
        assert all(ents.has_feature(f"cus_{number}", "since_0") for number in range(CUSTOMERS))
        return ents

    def _start(self, number: int) -> Process:
        given = [self._shared_path] if self._shared_path else []
        if self._plan.how == "run":
            return Run(self._path, str(number), *given)
        if self._own is None:
            return Started(self._plan.how.removeprefix("mp-"), process_worker.begin, self._path, number, *given)
        inherited = (self.world, number, self._own, self._source)
        if self._plan.how == "fork":
            return Fork(lambda: process_worker.work(*inherited))
        return Started("fork", process_worker.work, *inherited)

    # --- changes -----------------------------------------------------------------------------------------------------

    def go(self) -> Report:
        """Have everything happen, and tell."""
        began = time.monotonic()
        self._wait_for(lambda: all(self.world.tallies_of("decisions")[: self._plan.workers]))
        moved = began
        while self._done < self._plan.changes and not self.world.stop:
            done = self._done
            self._round()
            moved = time.monotonic() if self._done > done else moved
            assert time.monotonic() - moved < _PATIENCE, "no change comes through any more"
        self._finish()
        return self._report(time.monotonic() - began)

    def _round(self) -> None:
        self._bury()
        self._collect()
        if self._kills + len(self._doomed) < self._kills_by_now():
            self._kill()
        for worker, slot in self._free():
            self._order(self._somebody(), worker, slot, self._random.randrange(2))
        if self._own is not None and self._begun < self._plan.changes:
            self._change_here()
        time.sleep(0.001)

    def _free(self) -> Iterator[tuple[int, int]]:
        """Find the places for further orders, a different worker's each time."""
        for slot in range(MAILBOX):
            for worker in range(self._plan.workers):
                if self._may_begin() and worker not in self._doomed and not self.world.mail[worker][slot]:
                    yield worker, slot

    def _may_begin(self) -> bool:
        return self._begun < self._plan.changes and len(self._ordered) < _MOST_UNDER_WAY

    def _somebody(self) -> int:
        """Choose a customer with no change under way, and begin one."""
        customer = self._random.choice([each for each in range(CUSTOMERS) if each not in self._ordered])
        self.world.wanted[customer] += 1
        self._begun += 1
        return customer

    def _order(self, customer: int, worker: int, slot: int, how: int) -> None:
        self._ordered[customer] = (worker, slot)
        self.world.mail[worker][slot] = customer + 1 << 8 | how

    def _change_here(self) -> None:
        """Make a change in the parent: its children hear of it."""
        assert self._own is not None
        process_worker.change(self.world, self._own, self._somebody(), self._random.randrange(2))
        self._done += 1

    def _collect(self) -> None:
        for customer, (worker, slot) in list(self._ordered.items()):
            if not self.world.mail[worker][slot]:
                del self._ordered[customer]
                self._done += 1

    # --- kills -------------------------------------------------------------------------------------------------------

    def _kills_by_now(self) -> int:
        return min(self._plan.kills, 1 + self._plan.kills * self._done // self._plan.changes)

    def _kill(self) -> None:
        """Kill a process: wherever it may be, or between a change and its acknowledgement."""
        worker = self._random.choice([each for each in range(self._plan.workers) if each not in self._doomed])
        self._doomed.add(worker)
        slots = [(customer, at[1]) for customer, at in self._ordered.items() if at[0] == worker]
        if not slots or self._random.random() < 0.5:
            self._processes[worker].kill()
            return
        fall = self._random.choice((process_worker.FALL_AFTER_BUMP, process_worker.FALL_AFTER_RAISE))
        for customer, slot in slots:  # it may be carrying one out just now; then it falls at the next
            self._order(customer, worker, slot, fall)

    def _bury(self) -> None:
        """Replace whoever died, and have others make the changes that weren't acknowledged."""
        for worker in self._doomed:
            if not any(self.world.mail[worker]):  # it was done with the change it was to fall at
                self._processes[worker].kill()
        for worker, process in enumerate(self._processes):
            code = process.exit_code()
            if code is None or self.world.stop:
                continue
            self._kills += worker in self._doomed
            self._deaths += worker not in self._doomed or code != -signal.SIGKILL
            self._doomed.discard(worker)
            self._settle(worker)
            self._processes[worker] = self._start(worker)

    def _settle(self, dead: int) -> None:
        lost = [customer for customer, (worker, _) in self._ordered.items() if worker == dead]
        for slot in range(MAILBOX):
            self.world.mail[dead][slot] = 0
        for customer in lost:
            del self._ordered[customer]
            if self.world.acked[customer] == self.world.wanted[customer]:
                self._done += 1
                continue
            self._redone += 1
            worker, slot = self._anybody_but(dead)
            self._order(customer, worker, slot, self._random.randrange(2))

    def _anybody_but(self, dead: int) -> tuple[int, int]:
        others = [number for number in range(self._plan.workers) if number != dead]
        while True:
            worker = self._random.choice(others)
            for slot in range(MAILBOX):
                if not self.world.mail[worker][slot]:
                    return worker, slot
            time.sleep(0.001)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        while self._doomed and not self.world.stop:
            self._bury()
        self.world.end()
        self._wait_for(lambda: all(process.exit_code() is not None for process in self._processes))
        self._deaths += sum(bool(process.exit_code()) for process in self._processes)
        if self._own is not None:
            self._own.close()

    def _report(self, seconds: float) -> Report:
        world, workers = self.world, self._plan.workers
        asked, changed = world.tallies_of("decisions")[:workers], world.tallies_of("changes")[:workers]
        return Report(
            changes=self._done,
            redone=self._redone,
            kills=self._kills,
            deaths=self._deaths,
            violations=list(world.violation[1:6]) if world.violation[0] else [],
            **{name: world.total(name) for name in ("decisions", "cached", "hot", "unsure", "fetches", "recalled")},
            idle=sum(not (decisions and changes) for decisions, changes in zip(asked, changed, strict=True)),
            typical=world.delay(0.5),
            seldom=world.delay(0.99),
            longest=world.delay(1.0),
            wrong_at_last=self._wrong_at_last() if self._shared_path else 0,
            seconds=round(seconds, 2),
        )

    def _wrong_at_last(self) -> int:
        """Ask one more instance about everybody: it has only what the others left behind."""
        source = process_worker.TruthReader(self.world)
        with process_worker.instance(source, self._shared_path) as ents:
            held = [ents.for_customer(f"cus_{number}").features for number in range(CUSTOMERS)]
        return sum(f"v{version}" not in those for version, those in zip(self.world.acked, held, strict=True))

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < until, "a process hangs"
            time.sleep(0.002)

    def kill_all(self) -> None:
        for process in self._processes:
            if process.exit_code() is None:
                process.kill()


if __name__ == "__main__":
    crowd = Crowd(Plan(**json.loads(sys.argv[1])))
    try:
        report = crowd.go()
    finally:
        crowd.kill_all()
    print(json.dumps(asdict(report)))  # noqa: T201 - what a test reads
