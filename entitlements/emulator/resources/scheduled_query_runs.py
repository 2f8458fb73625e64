"""Scheduled query runs: what Sigma made of a query, and the file it left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import files
from entitlements.emulator.wire.errors import no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json

__all__ = ["AVAILABLE", "ROUTES", "Outcome", "add"]

AVAILABLE = 7 * 86_400  # seconds a result can be fetched, as in Stripe's sample event

_KIND = "scheduled_query_run"
_DAY = 86_400
_ERRORS = {
    "canceled": "The query was canceled before it finished.",
    "failed": "The query failed; check its SQL.",
    "timed_out": "The query took too long and was stopped.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a query: a result if it completed, an error if it didn't."""

    title: str
    sql: str
    csv: bytes | None
    status: str = "completed"
    error: str | None = None
    available_for: int = AVAILABLE

    def __post_init__(self) -> None:
        if self.status not in {"completed", *_ERRORS}:
            raise ValueError(f"status={self.status!r}: must be one of completed, {', '.join(_ERRORS)}")
        if (self.csv is None) == (self.status == "completed"):
            raise ValueError(f"status={self.status!r}: a completed run needs csv=, another can't have one")
        if self.error is not None and self.status == "completed":
            raise ValueError(f"error={self.error!r}: a completed run has none; give another status")

    @property
    def message(self) -> str | None:
        """Say why it didn't complete."""
        return self.error or _ERRORS.get(self.status)


def add(call: Call, outcome: Outcome) -> Json:
    """Keep a run that has just finished, its file and the event that tells of it."""
    until = call.now + outcome.available_for
    run: Json = {
        "id": new_id("sqr_1", 23),
        "object": _KIND,
        "created": call.now,
        "data_load_time": call.now - call.now % _DAY,  # the midnight that the period ended at
        "error": None if outcome.message is None else {"message": outcome.message},
        "file": None if outcome.csv is None else _file(call, outcome, outcome.csv, until),
        "livemode": False,
        "result_available_until": until,
        "sql": outcome.sql,
        "status": outcome.status,
        "title": outcome.title,
    }
    call.tx.add(_KIND, run)
    events.emit(call.on_its_own(), "sigma.scheduled_query_run.created", _rendered(call, run))
    return _rendered(call, run)


def _file(call: Call, outcome: Outcome, csv: bytes, until: int) -> str:
    day = datetime.fromtimestamp(call.now, UTC)
    name = re.sub(r"[^\w.-]+", "_", outcome.title)
    made = files.add(
        call.on_its_own(),
        csv,
        purpose="sigma_scheduled_query",
        filename=f"{name}_{day:%Y%m%d}.csv",
        title=f"{outcome.title} for {day:%Y-%m-%d}",
        expires_at=until,
    )
    return str(made["id"])


def _rendered(call: Call, run: Json) -> Json:
    file = run["file"]
    return {**run, "file": None if file is None else files.rendered(call, files.load(call, file))}


def retrieve(call: Call) -> Json:
    run = call.tx.get(_KIND, call.ids["scheduled_query_run"])
    if run is None:
        raise no_such(_KIND, call.ids["scheduled_query_run"])
    return _rendered(call, run)


def list_runs(call: Call) -> Json:
    return page(call, _KIND, _KIND, lambda run: _rendered(call, run))


ROUTES = (
    Route("GET", "/v1/sigma/scheduled_query_runs", list_runs, PAGE),
    Route("GET", "/v1/sigma/scheduled_query_runs/{scheduled_query_run}", retrieve),
)
