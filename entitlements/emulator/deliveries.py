"""Webhook deliveries: the outbox emptied, one lane to each endpoint, in order, tried again when refused."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from entitlements.emulator.clock import steady
from entitlements.emulator.events import API_VERSION
from entitlements.emulator.signing import signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.clock import Clock
    from entitlements.emulator.store import Json, Store

__all__ = ["RETRIES", "Attempt", "Deliveries", "Delivery"]

# Stripe's sandbox tries three times over hours, by a table it doesn't publish; a local receiver is back sooner.
RETRIES = (0.2, 1.0, 5.0, 30.0, 300.0)

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST to an endpoint: when, and what came back (a status, or an error in words)."""

    at: int
    status: int | None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Say whether the endpoint took the event; a redirect doesn't count."""
        return self.status is not None and http.HTTPStatus.OK <= self.status < http.HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        state: `pending`, `succeeded`, `failed` (every try used up) or `dropped` (the endpoint was deleted).
    """

    event: str
    type: str
    endpoint: str
    state: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    tries: int
    url: str
    secret: str
    payload: bytes


class Deliveries:
    """Send what is in the outbox, as soon as it is committed, until `stop`."""

    def __init__(self, store: Store, clock: Clock, retries: Sequence[float] = RETRIES) -> None:
        self._store = store
        self._clock = clock
        self._retries = tuple(retries)
        self._lanes: dict[str, _Lane] = {}
        self._running = False
        self._guard = threading.Lock()
        self.changed = threading.Condition()

    def start(self) -> None:
        """Begin sending, what an earlier run left unsent first."""
        self._running = True
        self.wake()

    def wake(self) -> None:
        """Look at the outbox now: something was committed."""
        with self._guard:
            if not self._running:
                return
            for endpoint in self._waiting() - self._lanes.keys():
                self._lanes[endpoint] = _Lane(self, endpoint)
                self._lanes[endpoint].start()
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.wake()

    def stop(self) -> None:
        """Stop sending; what is unsent stays in the outbox."""
        with self._guard:
            self._running = False
            lanes, self._lanes = list(self._lanes.values()), {}
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
            for number, at, status, error in tx.sql("SELECT delivery, at, status, error FROM attempts ORDER BY seq"):
                attempts.setdefault(number, []).append(Attempt(at, status, error))
            return tuple(
                Delivery(event, kind, endpoint, state, tuple(attempts.get(number, ())))
                for number, event, kind, endpoint, state in tx.sql(query)
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

    def next_job(self, endpoint: str, held_back: dict[int, float]) -> _Job | None:
        """Fetch the oldest delivery to an enabled endpoint that isn't waiting for its next try."""
        query = (
            "SELECT d.seq, e.body, w.body, (SELECT count(*) FROM attempts WHERE delivery = d.seq) FROM deliveries d "
            "JOIN objects e ON e.kind = 'event' AND e.id = d.event "
            "JOIN objects w ON w.kind = 'webhook_endpoint' AND w.id = d.endpoint "
            "WHERE d.endpoint = ? AND d.state = 'pending' AND json_extract(w.body, '$.status') = 'enabled' "
            "ORDER BY d.seq"
        )
        now = steady()
        with self._store.transaction() as tx:
            for number, event, receiver, tries in tx.sql(query, (endpoint,)):
                if held_back.get(number, 0.0) <= now:
                    return _job(number, tries, json.loads(event), json.loads(receiver))
        return None

    def record(self, job: _Job, attempt: Attempt) -> float | None:
        """Keep what came of an attempt; give the seconds to the next, if there is to be one."""
        delay = None if attempt.succeeded or job.tries >= len(self._retries) else self._retries[job.tries]
        state = "succeeded" if attempt.succeeded else "failed" if delay is None else "pending"
        with self._store.transaction() as tx:
            tx.sql(
                "INSERT INTO attempts (delivery, at, status, error) VALUES (?, ?, ?, ?)",
                (job.number, attempt.at, attempt.status, attempt.error),
            )
            tx.sql("UPDATE deliveries SET state = ? WHERE seq = ? AND state = 'pending'", (state, job.number))
        with self.changed:
            self.changed.notify_all()
        return delay

    def now(self) -> int:
        """Read the emulator's time."""
        return self._clock.now()

    def _waiting(self) -> set[str]:
        with self._store.transaction() as tx:
            return {
                endpoint for (endpoint,) in tx.sql("SELECT DISTINCT endpoint FROM deliveries WHERE state = 'pending'")
            }


def _job(number: int, tries: int, event: Json, endpoint: Json) -> _Job:
    payload = {**event, "api_version": endpoint["api_version"] or API_VERSION}
    return _Job(number, tries, endpoint["url"], endpoint["secret"], json.dumps(payload, indent=2).encode())


class _Lane(threading.Thread):
    """The deliveries to one endpoint: a slow or broken receiver holds up nobody else."""

    def __init__(self, deliveries: Deliveries, endpoint: str) -> None:
        super().__init__(name=f"stripe-emulator-webhooks-{endpoint}", daemon=True)
        self._deliveries = deliveries
        self._endpoint = endpoint
        self._held_back: dict[int, float] = {}  # until when a refused delivery waits, in steady seconds
        self._news = threading.Event()
        self._stopping = False
        self._connection: http.client.HTTPConnection | None = None

    def wake(self) -> None:
        self._news.set()

    def stop(self) -> None:
        self._stopping = True
        self._news.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            _cut(connection)
        self.join(_TIMEOUT)

    def run(self) -> None:
        while not self._stopping:
            self._news.clear()
            now = steady()
            self._held_back = {number: until for number, until in self._held_back.items() if until > now}
            while not self._stopping and (job := self._deliveries.next_job(self._endpoint, self._held_back)):
                self._deliver(job)
            self._news.wait(self._patience())

    def _patience(self) -> float | None:
        return max(0.0, min(self._held_back.values()) - steady()) if self._held_back else None

    def _deliver(self, job: _Job) -> None:
        attempt = self._attempt(job)
        if self._stopping and attempt.status is None:
            return  # cut off by us: not the receiver's failure
        delay = self._deliveries.record(job, attempt)
        if delay is not None:
            self._held_back[job.number] = steady() + delay

    def _attempt(self, job: _Job) -> Attempt:
        at = self._deliveries.now()
        parts = urlsplit(job.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        try:
            if self._stopping:
                return Attempt(at, None, "the emulator is stopping")
            self._connection.request("POST", _target(job.url), job.payload, _headers(job, at))
            return Attempt(at, self._connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return Attempt(at, None, f"{type(error).__name__}: {error}")
        finally:
            self._connection.close()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(job: _Job, at: int) -> dict[str, str]:
    return {
        "Connection": "close",
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(job.payload, job.secret, at),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }


def _cut(connection: http.client.HTTPConnection) -> None:
    try:
        connection.sock.shutdown(2)
    except OSError:
        return  # it ended by itself
