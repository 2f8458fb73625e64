"""What may happen next in a simulated world, and what may go wrong in it."""

from __future__ import annotations

import json
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING

from signed import signature
from simulated_stripe import SECRET

from entitlements.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulated_process import Process
    from simulated_stripe import Event
    from simulated_world import World

__all__ = ["Happenings"]

_MOST_WAITING = 20  # events; of more than that, Stripe gives the oldest up


class Happenings:
    """Have something happen, by lot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._usual = _Lots(
            (36, self._ask),
            (24, self._land),
            (20, self._go_on),
            (8, self._ring),
            (6 if world.climate.sweep else 0, self._sweep),
            (world.climate.eventful, self._change),
            (world.climate.eventful * 1.7, self._deliver),
        )
        self._faults = _Lots(
            (20, self._kill),
            (10, self._stop),
            (20, self._set_wall),
            (10, self._fall_asleep),
            (8, self._reboot),
            (15, self._outage),
            (20, world.host.save),
            (10, world.host.lose_a_snapshot),
        )

    def next(self) -> None:
        """Have anything happen."""
        world = self._world
        world.host.bury()
        if len(world.host.processes) < world.climate.processes and world.random.random() < 0.1:
            world.host.start()
        elif world.random.random() < world.climate.faulty:
            self._faults.draw(world.random.random())()
        else:
            self._usual.draw(world.random.random())()

    # --- the usual ---------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if process := self._any():
            self._world.questions.ask(process)

    def _land(self) -> None:
        if process := self._any(lambda process: bool(process.jobs)):
            with process.acting():
                process.run_job()

    def _go_on(self) -> None:
        if process := self._any(lambda process: bool(process.parked)):
            self._world.questions.go_on(process)

    def _ring(self) -> None:
        if process := self._any():
            with process.acting():
                process.ring()

    def _sweep(self) -> None:
        if process := self._any():
            with process.acting():
                process.sweep()

    def _change(self) -> None:
        world = self._world
        event = world.stripe.change(world.random.choice(world.stripe.subjects))
        world.note("change", event.subject.customer, event.id)
        if not event.tries:
            world.seen["lost events"] += 1
        if len(world.stripe.waiting) > _MOST_WAITING:
            del world.stripe.waiting[0]

    def _deliver(self) -> None:
        world = self._world
        if not world.stripe.waiting:
            return
        event = world.random.choice(world.stripe.waiting)
        # An account's own endpoint serves it alone; a platform's has the events of all its accounts.
        process = self._any(lambda process: process.account in {None, event.subject.account})
        if process is None:
            return
        with process.acting():
            own = event.subject.account == process.account
            if own and world.random.random() < 0.7:
                self._invalidate(process, event)
            else:
                self._post(process, event)
            world.note("acknowledged", process.number, event.subject.customer, event.id)
            world.seen["acknowledged"] += 1
            event.tries -= 1
            if event.tries <= 0 and event in world.stripe.waiting:
                world.stripe.waiting.remove(event)

    def _invalidate(self, process: Process, event: Event) -> None:
        world, began = self._world, self._world.time.at
        with world.checks.raising([event.subject]):
            token = process.ents.invalidate(event.subject.customer)
        world.questions.issued(event.subject, token, began)

    def _post(self, process: Process, event: Event) -> None:
        world, began, payload = self._world, self._world.time.at, json.dumps(event.body()).encode()
        stamp = signature(payload, secret=SECRET, at=world.time.stripe())
        try:
            with world.checks.raising([event.subject]):
                result = process.ents.handle_webhook(payload, stamp)
        except SignatureError:  # the wall's clock is wrong
            world.seen["refused webhooks"] += 1
            event.tries += 1
        else:
            world.questions.issued(event.subject, result.token, began)

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def _kill(self) -> None:
        if process := self._any():
            process.die()
            self._world.note("killed", process.number)
            self._world.seen["kills"] += 1

    def _stop(self) -> None:
        world = self._world
        if process := self._any():
            process.stopped_until = world.time.at + world.random.random() * world.random.choice((1, 5, 400))
            world.note("stopped", process.number)
            world.seen["stops"] += 1

    def _set_wall(self) -> None:
        world = self._world
        lead = world.random.choice((0.0, 1.0, -1.0)) * world.climate.wall * world.random.random()
        world.time.set_wall(lead)
        world.note("wall set", lead)
        world.seen["wall jumps"] += 1

    def _fall_asleep(self) -> None:
        world = self._world
        world.time.sleep(world.random.random() * world.random.choice((10, 1_000)))
        world.note("slept")
        world.seen["sleeps"] += 1

    def _reboot(self) -> None:
        self._world.host.reboot()
        self._world.note("reboot")
        self._world.seen["reboots"] += 1

    def _outage(self) -> None:
        world = self._world
        world.stripe.fails_until = world.time.at + world.random.random() * world.random.choice((5, 100, 5_000))
        world.note("Stripe fails until", world.stripe.fails_until)
        world.seen["outages"] += 1

    def _any(self, suits: Callable[[Process], bool] = lambda process: True) -> Process | None:
        able = [process for process in self._world.host.able() if suits(process)]
        return self._world.random.choice(able) if able else None


class _Lots:
    """Things drawn by weight."""

    def __init__(self, *lots: tuple[float, Callable[[], object]]) -> None:
        self._things: Sequence[Callable[[], object]] = [thing for _, thing in lots]
        whole = sum(weight for weight, _ in lots)
        self._bounds = list(accumulate(weight / whole for weight, _ in lots))[:-1]

    def draw(self, at: float) -> Callable[[], object]:
        return self._things[bisect(self._bounds, at)]
