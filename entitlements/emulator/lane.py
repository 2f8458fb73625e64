"""The lane to one endpoint: which delivery goes next, and the thread that makes them."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from entitlements.emulator.clock import steady
from entitlements.emulator.post import PATIENCE, Post

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entitlements.emulator.deliveries import Deliveries
    from entitlements.emulator.post import Attempt, Job
    from entitlements.emulator.webhook_faults import WebhookFault

__all__ = ["Lane", "Queue"]


class Queue:
    """The order of the deliveries to one endpoint: as they came, but for retries and faults.

    >>> queue = Queue()
    >>> queue.hold(1, until=5.0)
    >>> queue.choose([1, 2, 3], now=0.0), queue.choose([1, 3], now=5.0)
    (2, 1)
    """

    def __init__(self) -> None:
        self.planned = 0  # the newest delivery whose fate is decided
        self._held: dict[int, tuple[float, WebhookFault | None]] = {}
        self._gathered: dict[WebhookFault, list[int]] = {}
        self._next: deque[int] = deque()

    def plan(self, number: int, faults: Sequence[WebhookFault], now: float) -> None:
        """Keep a delivery back as its faults have it."""
        for fault in faults:
            if fault.kind in {"hold", "delay"}:
                self.hold(number, now + fault.seconds, fault)
            elif fault.kind == "reorder":
                self.gather(number, fault, now)

    def hold(self, number: int, until: float, fault: WebhookFault | None = None) -> None:
        """Keep a delivery back until a moment, or until the fault that does it is released."""
        self._held[number] = (max(until, self._held.get(number, (0.0, None))[0]), fault)

    def gather(self, number: int, fault: WebhookFault, now: float) -> None:
        """Keep a delivery until enough have come to be sent in another order."""
        gathered = self._gathered.setdefault(fault, [])
        gathered.append(number)
        self.hold(number, self._held.get(gathered[0], (now + fault.seconds, None))[0], fault)
        if len(gathered) >= fault.window:
            self._send_gathered(fault)

    def _send_gathered(self, fault: WebhookFault) -> None:
        for number in fault.ordered(self._gathered.pop(fault)):
            self._held.pop(number, None)
            self._next.append(number)

    def choose(self, pending: Iterable[int], now: float) -> int | None:
        """Choose among the deliveries that are still to be made, oldest first."""
        for fault in [fault for fault, gathered in self._gathered.items() if not self._held_back(gathered[0], now)]:
            self._send_gathered(fault)
        if self._next:
            pending = list(pending)
            self._next = deque(number for number in self._next if number in pending)
        return next((number for number in chain(self._next, pending) if not self._held_back(number, now)), None)

    def _held_back(self, number: int, now: float) -> bool:
        until, fault = self._held.get(number, (0.0, None))
        return until > now and (fault is None or fault.standing)

    def taken(self, number: int) -> None:
        """Note that a delivery is being made."""
        self._held.pop(number, None)
        if number in self._next:
            self._next.remove(number)

    def patience(self, now: float) -> float | None:
        """Say how long until a delivery may be due that is held back now; None if none is, or nobody knows."""
        soonest = min((until for until, _ in self._held.values()), default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - now)


class Lane(threading.Thread):
    """Make the deliveries to one endpoint: a slow or broken receiver holds up nobody else."""

    def __init__(self, deliveries: Deliveries, endpoint: str) -> None:
        super().__init__(name=f"stripe-emulator-webhooks-{endpoint}", daemon=True)
        self._deliveries = deliveries
        self._endpoint = endpoint
        self._queue = Queue()
        self._news = threading.Event()
        self._stopping = False
        self._post: Post | None = None

    def wake(self) -> None:
        """Look for deliveries."""
        self._news.set()

    def end(self) -> None:
        """Stop after what is on its way."""
        self._stopping = True
        self._news.set()

    def stop(self) -> None:
        """Stop, and cut off what is on its way."""
        self.end()
        if self._post is not None:
            self._post.cut()
        self.join(PATIENCE)

    def run(self) -> None:
        """Make deliveries as they come, until stopped."""
        while not self._stopping:
            self._news.clear()
            while not self._stopping and (job := self._deliveries.next_job(self._endpoint, self._queue)):
                self._deliver(job)
            self._news.wait(self._queue.patience(steady()))

    def _deliver(self, job: Job) -> None:
        self._queue.taken(job.number)
        attempt = self._attempt(job)
        if attempt is None or (self._stopping and attempt.status is None):
            return  # cut off by us: not the receiver's failure
        delay = self._deliveries.record(job, attempt)
        if delay is not None:
            self._queue.hold(job.number, steady() + delay)

    def _attempt(self, job: Job) -> Attempt | None:
        self._post = Post(job, self._deliveries.now())
        return None if self._stopping else self._post.send()
