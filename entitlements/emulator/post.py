"""One webhook on its way: a POST to an endpoint, and what came of it."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from entitlements.emulator.signing import signature

__all__ = ["PATIENCE", "Attempt", "Job", "Post"]

PATIENCE = 10.0  # seconds an endpoint has to answer


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST to an endpoint: when, what came back (a status, or an error in words), and its place among them all."""

    at: int
    status: int | None
    error: str | None = None
    number: int = 0

    @property
    def succeeded(self) -> bool:
        """Say whether the endpoint took the event; a redirect doesn't count."""
        return self.status is not None and http.HTTPStatus.OK <= self.status < http.HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be sent: a delivery's number, how often it was tried, and all that a POST needs."""

    number: int
    tries: int
    url: str
    secrets: tuple[str, ...]
    payload: bytes


class Post:
    """Make one POST, signed as of now; another thread may cut it off."""

    def __init__(self, job: Job, at: int) -> None:
        parts = urlsplit(job.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        self._job = job
        self._at = at
        self._is_cut = False

    def send(self) -> Attempt:
        """Send it and give what came of it."""
        # In all: a receiver that sends a byte now and then would renew a socket's own timeout for ever.
        deadline = threading.Timer(PATIENCE, self.cut)
        deadline.daemon = True
        deadline.start()
        try:
            self._connection.request("POST", _target(self._job.url), self._job.payload, self._headers())
            status = self._connection.getresponse().status
            if self._is_cut:  # what was read of a header that never ended looks whole once its connection is closed
                raise TimeoutError(f"no whole answer within {PATIENCE:g} s")
            return Attempt(self._at, status)
        except (OSError, http.client.HTTPException, ValueError) as error:  # an address that can't be encoded, too
            return Attempt(self._at, None, f"{type(error).__name__}: {error}")
        finally:
            deadline.cancel()
            self._connection.close()

    def _headers(self) -> dict[str, str]:
        return {
            "Connection": "close",
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(self._job.payload, self._at, *self._job.secrets),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }

    def cut(self) -> None:
        """End it now."""
        self._is_cut = True
        sock = self._connection.sock
        try:
            if sock is not None:
                sock.shutdown(2)
        except OSError:
            return  # it ended by itself


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
