"""Webhook deliveries: the outbox emptied, one lane to each endpoint, in order, tried again when refused."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entitlements.emulator.clock import steady
from entitlements.emulator.events import as_sent
from entitlements.emulator.lane import Lane
from entitlements.emulator.post import Attempt, Job
from entitlements.emulator.rotation import in_force
from entitlements.emulator.webhook_faults import Parcel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.clock import Clock
    from entitlements.emulator.lane import Queue
    from entitlements.emulator.store import Json, Store, Transaction
    from entitlements.emulator.webhook_faults import WebhookFault, WebhookFaults

__all__ = ["RETRIES", "Attempt", "Deliveries", "Delivery"]

# Stripe's sandbox tries three times over hours, by a table it doesn't publish; a local receiver is back sooner.
RETRIES = (0.2, 1.0, 5.0, 30.0, 300.0)

_PENDING = (
    "SELECT d.seq FROM deliveries d JOIN objects w ON w.kind = 'webhook_endpoint' AND w.id = d.endpoint "
    "WHERE d.endpoint = ? AND d.state = 'pending' AND json_extract(w.body, '$.status') = 'enabled' ORDER BY d.seq"
)
_JOB = (
    "SELECT e.body, w.body, w.account, (SELECT count(*) FROM attempts WHERE delivery = d.seq) FROM deliveries d "
    "JOIN objects e ON e.kind = 'event' AND e.id = d.event "
    "JOIN objects w ON w.kind = 'webhook_endpoint' AND w.id = d.endpoint WHERE d.seq = ?"
)
_UNTRIED = (
    "SELECT d.seq, d.event, json_extract(e.body, '$.type'), json_extract(w.body, '$.url') FROM deliveries d "
    "JOIN objects e ON e.kind = 'event' AND e.id = d.event "
    "JOIN objects w ON w.kind = 'webhook_endpoint' AND w.id = d.endpoint "
    "WHERE d.endpoint = ? AND d.state = 'pending' AND d.seq > ? "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE delivery = d.seq) ORDER BY d.seq"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        state: `pending`, `succeeded`, `failed` (every try used up) or `dropped` (by a fault, or because the endpoint
            was deleted).
        faults: the kinds of faults that struck it: `hold`, `delay`, `duplicate`, `reorder`, `drop`.
        number: its place among all deliveries.
    """

    event: str
    type: str
    endpoint: str
    state: str
    attempts: tuple[Attempt, ...]
    faults: tuple[str, ...] = ()
    number: int = 0


class Deliveries:
    """Send what is in the outbox, as soon as it is committed, until `stop`."""

    def __init__(
        self, store: Store, clock: Clock, retries: Sequence[float] = RETRIES, faults: Sequence[WebhookFaults] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._retries = tuple(retries)
        self._faults = faults
        self._struck: dict[int, tuple[str, ...]] = {}
        self._lanes: dict[str, Lane] = {}
        self._ending: list[Lane] = []  # of endpoints that are no more, with a last delivery on its way
        self._running = False
        self._guard = threading.Lock()
        self.changed = threading.Condition()
        for each in faults:
            each.listen(self.wake)

    def start(self) -> None:
        """Begin sending, what an earlier run left unsent first."""
        self._running = True
        self.wake()

    def wake(self) -> None:
        """Look at the outbox now: something was committed, or let go."""
        with self._guard:
            if not self._running:
                return
            waiting = self._waiting()
            self._close_lanes()
            for endpoint in waiting - self._lanes.keys():
                self._lanes[endpoint] = Lane(self, endpoint)
                self._lanes[endpoint].start()
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.wake()

    def stop(self) -> None:
        """Stop sending; what is unsent stays in the outbox."""
        with self._guard:
            self._running = False
            lanes, self._lanes, self._ending = [*self._lanes.values(), *self._ending], {}, []
        for lane in lanes:
            lane.stop()

    def recorded(self) -> tuple[Delivery, ...]:
        """List every delivery with its attempts, oldest first."""
        query = (
            "SELECT d.seq, d.event, json_extract(o.body, '$.type'), d.endpoint, d.state FROM deliveries d "
            "JOIN objects o ON o.kind = 'event' AND o.id = d.event ORDER BY d.seq"
        )
        attempts: dict[int, list[Attempt]] = {}
        with self._store.transaction() as tx:
            tried = tx.sql("SELECT delivery, at, status, error, seq FROM attempts ORDER BY seq")
            for number, at, status, error, seq in tried:
                attempts.setdefault(number, []).append(Attempt(at, status, error, seq))
            return tuple(
                Delivery(event, kind, endpoint, state, tuple(attempts.get(n, ())), self._struck.get(n, ()), n)
                for n, event, kind, endpoint, state in tx.sql(query)
            )

    def pending(self) -> int:
        """Count the deliveries that are still to be made."""
        with self._store.transaction() as tx:
            return int(tx.sql("SELECT count(*) FROM deliveries WHERE state = 'pending'").fetchone()[0])

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is pending; say whether that came to pass in time (seconds)."""
        limit = steady() + timeout
        with self.changed:
            while self.pending():
                if not self.changed.wait(limit - steady()) and steady() >= limit:
                    return False
        return True

    def next_job(self, endpoint: str, queue: Queue) -> Job | None:
        """Fetch what is to be delivered next to an enabled endpoint, once the fate of what is new is decided."""
        with self._store.transaction() as tx:
            dropped = self._decide(tx, endpoint, queue)
            number = queue.choose((number for (number,) in tx.sql(_PENDING, (endpoint,))), steady())
            job = None if number is None else self._job(tx, number)
        if dropped:
            self._tell()
        return job

    def _decide(self, tx: Transaction, endpoint: str, queue: Queue) -> bool:
        """Decide what becomes of deliveries not tried yet; say whether any was dropped."""
        if not any(each.listed() for each in self._faults):
            return False
        dropped = False
        for number, event, kind, url in tx.sql(_UNTRIED, (endpoint, queue.planned)).fetchall():
            faults = self._striking(Parcel(kind, endpoint, url))
            if any(fault.kind == "drop" for fault in faults):
                tx.sql("UPDATE deliveries SET state = 'dropped' WHERE seq = ?", (number,))
                self._struck[number] = tuple(fault.kind for fault in faults)
                dropped = True
                continue
            for each in (number, *self._copied(tx, event, endpoint, sum(fault.copies for fault in faults))):
                self._struck[each] = tuple(fault.kind for fault in faults)
                queue.plan(each, faults, steady())
        queue.planned = int(tx.sql("SELECT coalesce(max(seq), 0) FROM deliveries").fetchone()[0])
        return dropped

    def _striking(self, parcel: Parcel) -> tuple[WebhookFault, ...]:
        return tuple(fault for each in self._faults for fault in each.striking(parcel))

    def _copied(self, tx: Transaction, event: str, endpoint: str, copies: int) -> list[int]:
        insert = "INSERT INTO deliveries (event, endpoint) VALUES (?, ?) RETURNING seq"
        return [int(tx.sql(insert, (event, endpoint)).fetchone()[0]) for _ in range(copies)]

    def _job(self, tx: Transaction, number: int) -> Job:
        event, receiver, account, tries = tx.sql(_JOB, (number,)).fetchone()
        endpoint: Json = json.loads(receiver)
        payload = as_sent(json.loads(event), endpoint)
        secrets = in_force(tx.of(account), endpoint, self.now())
        return Job(number, tries, endpoint["url"], secrets, json.dumps(payload, indent=2).encode())

    def record(self, job: Job, attempt: Attempt) -> float | None:
        """Keep what came of an attempt; give the seconds to the next, if there is to be one."""
        delay = None if attempt.succeeded or job.tries >= len(self._retries) else self._retries[job.tries]
        state = "succeeded" if attempt.succeeded else "failed" if delay is None else "pending"
        with self._store.transaction() as tx:
            tx.sql(
                "INSERT INTO attempts (delivery, at, status, error) VALUES (?, ?, ?, ?)",
                (job.number, attempt.at, attempt.status, attempt.error),
            )
            tx.sql("UPDATE deliveries SET state = ? WHERE seq = ? AND state = 'pending'", (state, job.number))
        self._tell()
        return delay

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def now(self) -> int:
        """Read the emulator's time."""
        return self._clock.now()

    def _close_lanes(self) -> None:
        """Let go of the lanes whose endpoint is gone, and of one that died."""
        with self._store.transaction() as tx:
            standing = {each for (each,) in tx.sql("SELECT id FROM objects WHERE kind = 'webhook_endpoint'")}
        for endpoint, lane in list(self._lanes.items()):
            if endpoint not in standing or not lane.is_alive():
                del self._lanes[endpoint]
                lane.end()
                self._ending = [*(each for each in self._ending if each.is_alive()), lane]

    def _waiting(self) -> set[str]:
        with self._store.transaction() as tx:
            return {
                endpoint for (endpoint,) in tx.sql("SELECT DISTINCT endpoint FROM deliveries WHERE state = 'pending'")
            }
