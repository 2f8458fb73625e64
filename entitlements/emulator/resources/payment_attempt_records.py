"""Payment attempt records: each try at a reported payment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.ids import new_id
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.params import Text
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "begin", "follow", "of"]

_KIND = "payment_attempt_record"


def of(tx: Transaction, record: str) -> list[Json]:
    """Fetch a payment record's attempts, oldest first."""
    return tx.all(_KIND, parent=record)


def begin(call: Call, record: Json) -> Json:
    """Begin an attempt that shows what its record does."""
    shared = {name: value for name, value in record.items() if name != "latest_payment_attempt_record"}
    own = {"id": new_id("par_1", 23), "object": _KIND, "created": call.now, "payment_record": record["id"]}
    return call.tx.add(_KIND, {**shared, **own}, parent=record["id"])


def follow(call: Call, record: Json, changed: Json) -> None:
    """Carry a change of a record to its latest attempt."""
    latest = call.tx.get(_KIND, record["latest_payment_attempt_record"])
    if latest is not None:  # a record that was loaded may have come without
        call.tx.put(_KIND, {**latest, **changed})


def retrieve(call: Call) -> Json:
    attempt = call.tx.get(_KIND, call.ids["id"])
    if attempt is None:
        raise no_such(_KIND, call.ids["id"])
    return attempt


def list_attempts(call: Call) -> Json:
    record = call.params["payment_record"]
    if call.tx.get("payment_record", record) is None:
        raise no_such("payment_record", record, "payment_record")
    return page(call, _KIND, _KIND, dict, [Filter("parent = ?", (record,))])


_FORWARDS: Spec = {name: kind for name, kind in PAGE.items() if name != "ending_before"}

ROUTES = (
    Route("GET", "/v1/payment_attempt_records", list_attempts, {**_FORWARDS, "payment_record": Text(required=True)}),
    Route("GET", "/v1/payment_attempt_records/{id}", retrieve),
)
