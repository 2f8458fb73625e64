"""Payment records: payments made elsewhere, as they are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import payments
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import payment_attempt_records
from entitlements.emulator.resources.payment_details import (
    ATTEMPT,
    INFORMATION,
    PAYMENT,
    REFUND,
    described,
    outcome,
    reported,
)
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, page
from entitlements.emulator.wire.params import Metadata, Moment, Whole, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Filter, Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "load"]

_KIND = "payment_record"


def report_payment(call: Call) -> Json:
    wanted = call.params["amount_requested"]
    record: Json = {
        "id": new_id("pr_1", 23),
        "object": _KIND,
        **payments.opened(wanted["currency"], wanted["value"]),
        "application": None,
        "created": call.now,
        "customer_details": None,
        "customer_presence": None,
        "description": None,
        "latest_payment_attempt_record": None,
        "livemode": False,
        "metadata": {},
        "payment_method_details": None,
        "processor_details": {"type": "custom", "custom": {"payment_reference": None}},
        "reported_by": "self",
        "shipping_details": None,
    }
    return _begin(call, call.tx.add(_KIND, record))


def report_attempt(call: Call) -> Json:
    record = _load(call)
    for attempt in payment_attempt_records.of(call.tx, record["id"]):
        if payments.state(attempt) not in {"failed", "canceled"}:
            message = (
                f"A new payment attempt can only be reported once every other one has failed or was canceled; "
                f"'{attempt['id']}' is {payments.state(attempt)}."
            )
            raise invalid(message)
    return _begin(call, record)


def _begin(call: Call, record: Json) -> Json:
    """Begin an attempt, and let it come to its outcome if that is reported with it."""
    requested = record["amount_requested"]
    amounts, result = payments.opened(requested["currency"], requested["value"]), outcome(call)
    if result is not None:
        amounts = payments.settled(amounts, result)
    after = {**record, **described(call, record), **amounts}
    attempt = payment_attempt_records.begin(call, after)
    return call.tx.put(_KIND, {**after, "latest_payment_attempt_record": attempt["id"]})


def report_failed(call: Call) -> Json:
    return _settle(call, "failed")


def report_guaranteed(call: Call) -> Json:
    return _settle(call, "guaranteed")


def report_canceled(call: Call) -> Json:
    return _settle(call, "canceled")


def _settle(call: Call, result: payments.Outcome) -> Json:
    record = _load(call)
    if payments.state(record) != "open":
        message = (
            f"The payment attempt '{record['latest_payment_attempt_record']}' is {payments.state(record)} already, "
            f"and can't be reported as {result}."
        )
        raise invalid(message)
    return _report(call, record, payments.settled(record, result))


def _report(call: Call, record: Json, changed: Json) -> Json:
    """Keep what a report changes, in the record and in its latest attempt."""
    if "metadata" in call.params:
        changed["metadata"] = merged(record["metadata"], call.params["metadata"])
    payment_attempt_records.follow(call, record, changed)
    return call.tx.put(_KIND, {**record, **changed})


def report_informational(call: Call) -> Json:
    record = _load(call)
    return _report(call, record, described(call, record))


def report_refund(call: Call) -> Json:
    record = _load(call)
    processor = reported(call.params["processor_details"], "refund_reference")
    _take_reference(call, processor["custom"]["refund_reference"], record["id"])
    return _report(call, record, payments.refunded(record, _refundable(call, record)))


def _refundable(call: Call, record: Json) -> int:
    """Say how much is to be refunded: all that is guaranteed, or as much of it as was asked."""
    guaranteed: Json = record["amount_guaranteed"]
    wanted: Json = call.params.get("amount", guaranteed)
    if wanted["currency"] != guaranteed["currency"]:
        message = f"The payment is in {guaranteed['currency']}; a refund in {wanted['currency']} doesn't match."
        raise invalid(message, "amount[currency]")
    if not 0 < wanted["value"] <= guaranteed["value"]:
        message = (
            f"Refund amount ({wanted['value']}) is greater than the guaranteed amount that is left "
            f"({guaranteed['value']})."
            if guaranteed["value"]
            else "Nothing of this payment is guaranteed, so there is nothing to refund."
        )
        raise invalid(message, "amount[value]" if "amount" in call.params else "amount")
    return int(wanted["value"])


def _take_reference(call: Call, reference: str, record: str) -> None:
    if call.tx.get("refund_reference", reference) is not None:
        message = f"A refund with the refund_reference '{reference}' was reported already; each needs its own."
        raise invalid(message, "processor_details[custom][refund_reference]", "resource_already_exists")
    call.tx.add("refund_reference", {"id": reference}, parent=record)


def load(tx: Transaction, record_id: str, param: str = "id") -> Json:
    """Fetch a payment record."""
    record = tx.get(_KIND, record_id)
    if record is None:
        raise no_such(_KIND, record_id, param)
    return record


def _load(call: Call) -> Json:
    return load(call.tx, call.ids["id"])


def retrieve(call: Call) -> Json:
    return _load(call)


def list_records(call: Call) -> Json:
    return page(call, _KIND, _KIND, dict, _created_between(call))


def _created_between(call: Call) -> list[Filter]:
    sides = {"created_after": "gt", "created_before": "lt"}
    return bounds("created", {side: call.params[name] for name, side in sides.items() if name in call.params})


def _settling(result: payments.Outcome) -> Spec:
    return {f"{result}_at": Moment(required=True), "metadata": Metadata()}


_AT = "/v1/payment_records/{id}/report_"
ROUTES = (
    Route("GET", "/v1/payment_records", list_records, {**PAGE, "created_after": Whole(), "created_before": Whole()}),
    Route("GET", "/v1/payment_records/{id}", retrieve),
    Route("POST", "/v1/payment_records/report_payment", report_payment, PAYMENT),
    Route("POST", f"{_AT}payment_attempt", report_attempt, ATTEMPT),
    Route("POST", f"{_AT}payment_attempt_canceled", report_canceled, _settling("canceled")),
    Route("POST", f"{_AT}payment_attempt_failed", report_failed, _settling("failed")),
    Route("POST", f"{_AT}payment_attempt_guaranteed", report_guaranteed, _settling("guaranteed")),
    Route("POST", f"{_AT}payment_attempt_informational", report_informational, INFORMATION),
    Route("POST", f"{_AT}refund", report_refund, REFUND),
)
