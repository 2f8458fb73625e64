"""What a report of a payment says beside its amount: parameters, and how the record shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import payments
from entitlements.emulator.wire.currencies import Currency
from entitlements.emulator.wire.errors import invalid, missing_parameter, no_such
from entitlements.emulator.wire.params import Choice, Fields, Metadata, Moment, Text, Whole, given, merged

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec
    from entitlements.emulator.wire.routes import Call

__all__ = ["ATTEMPT", "INFORMATION", "PAYMENT", "REFUND", "described", "outcome", "reported"]

_MOST = 99_999_999
_LINES = ("city", "country", "line1", "line2", "postal_code", "state")
_CONTACT = ("email", "name", "phone")
_PARTY = ("customer", *_CONTACT)
_ADDRESS = Fields(dict.fromkeys(_LINES, Text()))
_METHOD = Fields(
    {
        "billing_details": Fields({"address": _ADDRESS, **dict.fromkeys(_CONTACT, Text())}),
        "custom": Fields({"display_name": Text(), "type": Text()}),
        "payment_method": Text(),
        "type": Choice(("custom",)),
    }
)
_PAID_BY = Fields(_METHOD.spec, required=True)
_SHIPPING: Spec = {"address": _ADDRESS, "name": Text(), "phone": Text()}
_CUSTOMER = Fields(dict.fromkeys(_PARTY, Text()))
_OUTCOMES: Spec = {
    "outcome": Choice(payments.OUTCOMES),
    **{name: Fields({f"{name}_at": Moment(required=True)}) for name in payments.OUTCOMES},
}


def _amount(*, required: bool = False) -> Fields:
    value = Whole(required=True, least=1, most=_MOST)
    return Fields({"currency": Currency(required=True), "value": value}, required=required)


def _processor(reference: str, *, required: bool = False) -> Fields:
    custom = Fields({reference: Text(required=True)})
    return Fields({"custom": custom, "type": Choice(("custom",), required=True)}, required=required)


ATTEMPT: Spec = {
    **_OUTCOMES,
    "description": Text(),
    "initiated_at": Moment(required=True),
    "metadata": Metadata(),
    "payment_method_details": _METHOD,
    "shipping_details": Fields(_SHIPPING),
}
PAYMENT: Spec = {
    **ATTEMPT,
    "amount_requested": _amount(required=True),
    "customer_details": _CUSTOMER,
    "customer_presence": Choice(("off_session", "on_session")),
    "payment_method_details": _PAID_BY,
    "processor_details": _processor("payment_reference"),
}
INFORMATION: Spec = {
    "customer_details": _CUSTOMER,
    "description": Text(unsets=True),
    "metadata": Metadata(),
    "shipping_details": Fields(_SHIPPING, unsets=True),
}
REFUND: Spec = {
    "amount": _amount(),
    "initiated_at": Moment(),
    "metadata": Metadata(),
    "outcome": Choice(("refunded",), required=True),
    "processor_details": _processor("refund_reference", required=True),
    "refunded": Fields({"refunded_at": Moment(required=True)}),
}


def outcome(call: Call) -> payments.Outcome | None:
    """Read the outcome a report gives; it and the hash that says when come together or not at all."""
    found: payments.Outcome | None = call.params.get("outcome")
    for name in payments.OUTCOMES:
        if name == found and name not in call.params:
            raise missing_parameter(f"{name}[{name}_at]")
        if name != found and name in call.params:
            raise invalid(f"'{name}' can only be given with an outcome of '{name}'.", name)
    return found


def described(call: Call, before: Json) -> Json:
    """Give what a report changes of the fields a record and its attempts share."""
    params = call.params
    after = given(params, ("customer_presence", "description"))
    if "customer_details" in params:
        after["customer_details"] = {**dict.fromkeys(_PARTY), **_customer(call)}
    if "shipping_details" in params:
        after["shipping_details"] = _shipping(params["shipping_details"])
    if "payment_method_details" in params:
        after["payment_method_details"] = _method(params["payment_method_details"])
    if "processor_details" in params:
        after["processor_details"] = reported(params["processor_details"], "payment_reference")
    if "metadata" in params:
        after["metadata"] = merged(before["metadata"], params["metadata"])
    return after


def reported(processor: Json, reference: str) -> Json:
    """Check that a processor's details have the hash their type calls for."""
    if "custom" not in processor:
        raise missing_parameter(f"processor_details[custom][{reference}]")
    return processor


def _customer(call: Call) -> Json:
    details: Json = call.params["customer_details"]
    customer = details.get("customer")
    found = None if customer is None else call.tx.get("customer", customer)
    if customer is not None and (found is None or found.get("deleted")):
        raise no_such("customer", customer, "customer_details[customer]")
    return details


def _shipping(details: Json | None) -> Json | None:
    if details is None:
        return None
    return {"name": None, "phone": None, **details, "address": _address(details)}


def _address(details: Json) -> Json:
    return {**dict.fromkeys(_LINES), **details.get("address", {})}


def _method(details: Json) -> Json:
    if not details.get("custom") and "payment_method" not in details:
        message = "Say how it was paid: payment_method_details[custom] or payment_method_details[payment_method]."
        raise invalid(message, "payment_method_details")
    billing = details.get("billing_details")
    contact = None if billing is None else {**dict.fromkeys(_CONTACT), **billing, "address": _address(billing)}
    # What Stripe would look up, the emulator doesn't know: it names the method by what it was given.
    custom = details.get("custom", {})
    name = custom.get("display_name") or custom.get("type") or details["payment_method"]
    return {
        "billing_details": contact,
        "custom": {"display_name": name, "type": custom.get("type")},
        "payment_method": details.get("payment_method"),
        "type": "custom",
    }
