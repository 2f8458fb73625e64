"""The end of a simulated world: once nothing fails any more, every process answers what is true (I18)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulated_checks import Violation
from simulated_stripe import PAID

from entitlements.requirement import Requirement

if TYPE_CHECKING:
    from simulated_process import Process
    from simulated_stripe import Subject
    from simulated_world import World

    from entitlements.decision import Decision

__all__ = ["come_to_rest"]

_A_WHILE = 60.0  # seconds, in which the smallest budget has a turn to give


def come_to_rest(world: World) -> None:
    """Let all faults end and all answers grow old; then ask every process about everybody.

    Raises:
        Violation: an answer isn't what is true, or isn't known.
    """
    world.disturbed = 0.0
    world.climate = replace(world.climate, failing=0.0, lingering=0.0, lagging=0.0, full=0.0)
    world.stripe.fails_until = -1.0
    world.time.set_wall(0.0)
    world.host.bury()
    world.time.at += world.climate.freshness.max_stale + _A_WHILE
    for process in world.host.processes:
        process.stopped_until = -1.0
        process.parked.clear()
        with process.acting():
            _let_go_on(process)
            for subject in process.subjects:
                world.time.at += _A_WHILE
                _ask(process, subject)


def _let_go_on(process: Process) -> None:
    while process.jobs:
        process.run_job()
    while process.ring():
        pass


def _ask(process: Process, subject: Subject) -> None:
    flow = process.core.decide(subject.customer, Requirement((PAID,)))
    try:
        while True:
            wait = next(flow)
            landed: list[bool] = []
            wait.landing.on_landing(lambda landed=landed: landed.append(True))  # type: ignore[misc]
            while not landed and not wait.deadline.passed:
                process.world.time.at += 0.1
                _let_go_on(process)
    except StopIteration as done:
        answer: Decision = done.value
    if answer.unavailable or bool(answer) is not subject.holds[-1]:
        raise Violation(
            f"I18: all is well again, and process {process.number} says of {subject.customer}: {answer.sentence} "
            f"({answer.detail}), where the truth is {subject.holds[-1]}"
        )
