"""Payments reported from elsewhere: their bookkeeping, its rules, and the attempts behind them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from stripe_target import PAID, World

from entitlements.emulator import Clock, StripeEmulator, payments

SAMPLE = json.loads((Path(__file__).parent / "payment_attempt_records_sample.json").read_text("utf-8"))
AT = 1_750_000_000
NAMES = ("requested", "authorized", "guaranteed", "failed", "canceled", "refunded")


@pytest.fixture
def emulator():
    with StripeEmulator(clock=Clock(AT)) as emulator:
        yield emulator


@pytest.fixture
def world(client):
    return World(client, None)


def amounts(record):
    """Read the six amounts that are kept apart, all in the record's currency."""
    found = {name: record[f"amount_{name}"] for name in NAMES}
    assert {amount.currency for amount in found.values()} == {"usd"}
    assert record.amount.value == record.amount_requested.value
    return tuple(found[name].value for name in NAMES)


def refund(client, record, reference, **params):
    processor = {"type": "custom", "custom": {"refund_reference": reference}}
    usual = {"outcome": "refunded", "processor_details": processor, "refunded": {"refunded_at": AT}}
    return client.payment_records.report_refund(record.id, {**usual, **params})


def test_the_books_are_kept_as_stripes_reference_shows(client, world):
    """Requested, failed, tried again, guaranteed, refunded: each step has the amounts of Stripe's examples."""
    records = client.payment_records
    begun = world.payment()
    assert amounts(begun) == (1000, 0, 0, 0, 0, 0)
    failed = records.report_payment_attempt_failed(begun.id, {"failed_at": AT})
    assert amounts(failed) == (1000, 0, 0, 1000, 0, 0)
    assert failed.latest_payment_attempt_record == begun.latest_payment_attempt_record
    again = records.report_payment_attempt(begun.id, {"initiated_at": AT})
    assert amounts(again) == (1000, 0, 0, 0, 0, 0)
    assert again.latest_payment_attempt_record != begun.latest_payment_attempt_record
    guaranteed = records.report_payment_attempt_guaranteed(begun.id, {"guaranteed_at": AT})
    assert amounts(guaranteed) == (1000, 1000, 1000, 0, 0, 0)
    refunded = refund(client, begun, "r1")
    assert amounts(refunded) == (1000, 0, 0, 0, 0, 1000)
    assert refunded.latest_payment_attempt_record == again.latest_payment_attempt_record
    listed = client.payment_attempt_records.list({"payment_record": begun.id}).data
    assert [amounts(attempt) for attempt in listed] == [(1000, 0, 0, 0, 0, 1000), (1000, 0, 0, 1000, 0, 0)]


def test_a_payment_record_has_stripes_fields(client, world):
    """A report gives a record with every field, and the attempt beside it mirrors it."""
    record = world.payment(
        customer_presence="on_session",
        description="computer software",
        metadata={"order": "7"},
        customer_details={"email": "a@example.com"},
        shipping_details={"name": "Alice", "address": {"city": "Oslo"}},
        processor_details={"type": "custom", "custom": {"payment_reference": "npp1"}},
    ).to_dict()
    nothing, all_of_it = {"currency": "usd", "value": 0}, {"currency": "usd", "value": 1000}
    lines = dict.fromkeys(("country", "line1", "line2", "postal_code", "state"))
    assert record == {
        "id": record["id"],
        "object": "payment_record",
        **dict.fromkeys(payments.AMOUNTS, nothing),
        "amount": all_of_it,
        "amount_requested": all_of_it,
        "application": None,
        "created": AT,
        "customer_details": {"customer": None, "email": "a@example.com", "name": None, "phone": None},
        "customer_presence": "on_session",
        "description": "computer software",
        "latest_payment_attempt_record": record["latest_payment_attempt_record"],
        "livemode": False,
        "metadata": {"order": "7"},
        "payment_method_details": {"billing_details": None, "payment_method": None, **PAID},
        "processor_details": {"type": "custom", "custom": {"payment_reference": "npp1"}},
        "reported_by": "self",
        "shipping_details": {"name": "Alice", "phone": None, "address": {"city": "Oslo", **lines}},
    }
    attempt = client.payment_attempt_records.retrieve(record["latest_payment_attempt_record"]).to_dict()
    del record["latest_payment_attempt_record"]
    own = {"id": attempt["id"], "object": "payment_attempt_record", "payment_record": record["id"]}
    assert attempt == {**record, **own}


@pytest.mark.parametrize("outcome", ["failed", "canceled", "guaranteed"])
def test_an_outcome_may_come_with_the_report(client, world, outcome):
    """A payment and an attempt can be reported together with what became of them."""
    when = {f"{outcome}_at": AT}
    record = world.payment(outcome=outcome, **{outcome: when})
    assert record[f"amount_{outcome}"].value == 1000
    failed = world.payment(outcome="failed", failed={"failed_at": AT})
    params = {"initiated_at": AT, "outcome": outcome, outcome: when, "description": "again"}
    again = client.payment_records.report_payment_attempt(failed.id, params)
    assert (again[f"amount_{outcome}"].value, again.description) == (1000, "again")


def test_refunds_come_in_parts_up_to_the_total(client, world):
    """Parts may be refunded until nothing is left, each under a reference of its own."""
    record = world.guaranteed()
    part = refund(client, record, "r1", amount={"currency": "usd", "value": 300})
    assert amounts(part) == (1000, 700, 700, 0, 0, 300)
    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        refund(client, record, "r2", amount={"currency": "usd", "value": 701})
    with pytest.raises(stripe.InvalidRequestError, match="refund_reference 'r1' was reported already"):
        refund(client, record, "r1", amount={"currency": "usd", "value": 1})
    assert amounts(refund(client, record, "r2")) == (1000, 0, 0, 0, 0, 1000)
    with pytest.raises(stripe.InvalidRequestError, match="nothing to refund"):
        refund(client, record, "r3")


def test_a_refund_reference_belongs_to_one_refund_of_the_account(client, world):
    """Another record can't take a reference either, and a refusal takes none."""
    first, second = world.guaranteed(), world.guaranteed()
    with pytest.raises(stripe.InvalidRequestError, match="doesn't match"):
        refund(client, first, "r1", amount={"currency": "eur", "value": 1})
    refund(client, first, "r1")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(client, second, "r1")
    assert refused.value.param == "processor_details[custom][refund_reference]"


@pytest.mark.parametrize("final", ["failed", "canceled", "guaranteed"])
@pytest.mark.parametrize("report", ["failed", "canceled", "guaranteed"])
def test_what_is_final_stays_so(client, world, final, report):
    """An attempt that has come to an outcome takes no other, nor the same again."""
    record = world.payment(outcome=final, **{final: {f"{final}_at": AT}})
    tell = getattr(client.payment_records, f"report_payment_attempt_{report}")
    with pytest.raises(stripe.InvalidRequestError, match=f"is {final} already") as refused:
        tell(record.id, {f"{report}_at": AT})
    assert refused.value.http_status == 400
    assert client.payment_records.retrieve(record.id) == record


@pytest.mark.parametrize("outcome", [None, "guaranteed"])
def test_a_new_attempt_waits_until_every_other_has_failed(client, world, outcome):
    """As long as an attempt is open or guaranteed, no other can be reported."""
    record = world.payment() if outcome is None else world.guaranteed()
    with pytest.raises(stripe.InvalidRequestError, match="can only be reported once every other one has failed"):
        client.payment_records.report_payment_attempt(record.id, {"initiated_at": AT})
    assert len(client.payment_attempt_records.list({"payment_record": record.id}).data) == 1


def test_information_is_added_and_taken_back(client, world):
    """An informational report changes what it names, in the record and its latest attempt; empty values unset."""
    record = world.payment(description="books", metadata={"a": "1"})
    inform = client.payment_records.report_payment_attempt_informational
    assert inform(record.id) == record
    told = inform(record.id, {"metadata": {"b": "2"}, "customer_details": {"name": "Alice"}})
    assert (told.metadata.to_dict(), told.customer_details.name) == ({"a": "1", "b": "2"}, "Alice")
    bare = inform(record.id, {"description": "", "metadata": "", "shipping_details": ""})
    assert (bare.description, bare.metadata.to_dict(), bare.shipping_details) == (None, {}, None)
    attempt = client.payment_attempt_records.retrieve(record.latest_payment_attempt_record)
    assert (attempt.description, attempt.customer_details.name) == (None, "Alice")


def test_records_are_listed_by_when_they_were_created(client, world, emulator):
    """`created_after` and `created_before` both leave out the moment itself."""
    ids = []
    for _ in range(3):
        ids.append(world.payment().id)
        emulator.advance(seconds=10)

    def listed(**params):
        return [record.id for record in client.payment_records.list(params).data]

    assert listed() == ids[::-1]
    assert listed(created_after=AT) == [ids[2], ids[1]]
    assert listed(created_before=AT + 20) == [ids[1], ids[0]]
    assert listed(created_after=AT, created_before=AT + 20) == [ids[1]]


USUAL = {"amount_requested": {"currency": "usd", "value": 1}, "initiated_at": AT, "payment_method_details": PAID}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount_requested": None}, "parameter_missing", "amount_requested"),
        ({"initiated_at": None}, "parameter_missing", "initiated_at"),
        ({"payment_method_details": None}, "parameter_missing", "payment_method_details"),
        ({"amount_requested": {"currency": "usd"}}, "parameter_missing", "amount_requested[value]"),
        (
            {"amount_requested": {"currency": "usd", "value": 0}},
            "parameter_invalid_integer",
            "amount_requested[value]",
        ),
        (
            {"amount_requested": {"currency": "usd", "value": "9.99"}},
            "parameter_invalid_integer",
            "amount_requested[value]",
        ),
        ({"amount_requested": {"currency": "xyz", "value": 1}}, None, "amount_requested[currency]"),
        ({"initiated_at": AT * 1000}, "parameter_invalid_integer", "initiated_at"),
        ({"outcome": "failed"}, "parameter_missing", "failed[failed_at]"),
        ({"outcome": "failed", "failed": {"failed_at": ""}}, "parameter_invalid_integer", "failed[failed_at]"),
        ({"guaranteed": {"guaranteed_at": AT}}, None, "guaranteed"),
        ({"outcome": "failed", "canceled": {"canceled_at": AT}, "failed": {"failed_at": AT}}, None, "canceled"),
        ({"outcome": "refunded"}, None, "outcome"),
        ({"payment_method_details": {"type": "card"}}, None, "payment_method_details[type]"),
        ({"payment_method_details": {"type": "custom"}}, None, "payment_method_details"),
        (
            {"processor_details": {"type": "custom"}},
            "parameter_missing",
            "processor_details[custom][payment_reference]",
        ),
        ({"processor_details": {"type": "other"}}, None, "processor_details[type]"),
        ({"customer_details": {"customer": "cus_x"}}, "resource_missing", "customer_details[customer]"),
        ({"customer_presence": "maybe"}, None, "customer_presence"),
        ({"description": ""}, "parameter_invalid_empty", "description"),
        ({"latest_payment_attempt_record": "par_1"}, "parameter_unknown", "latest_payment_attempt_record"),
    ],
)
def test_a_bad_report_is_refused_and_leaves_nothing(client, params, code, param):
    """What is missing, wrong or contradicts itself is named, and no record is made."""
    asked = {name: value for name, value in {**USUAL, **params}.items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.payment_records.report_payment(asked)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert client.payment_records.list().data == []


def test_what_is_not_there_is_missing(client):
    """An unknown record is 404 in the path and 400 in a parameter; an attempt is 404."""
    for call, status, param in (
        (lambda: client.payment_records.retrieve("pr_x"), 404, "id"),
        (lambda: client.payment_records.report_payment_attempt_failed("pr_x", {"failed_at": AT}), 404, "id"),
        (lambda: client.payment_attempt_records.list({"payment_record": "pr_x"}), 400, "payment_record"),
        (lambda: client.payment_attempt_records.retrieve("par_x"), 404, "id"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=r"No such payment_\w*record") as refused:
            call()
        error = refused.value
        assert (error.http_status, error.code, error.param) == (status, "resource_missing", param)


def test_attempts_are_only_listed_of_a_record_and_forwards(wire, world):
    """The list needs its record, and knows no `ending_before`."""
    record = world.payment()
    error = wire("GET", "/v1/payment_attempt_records").body["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", "payment_record")
    query = f"payment_record={record.id}&ending_before={record.latest_payment_attempt_record}"
    error = wire("GET", f"/v1/payment_attempt_records?{query}").body["error"]
    assert (error["code"], error["param"]) == ("parameter_unknown", "ending_before")


def test_stripes_documented_sample_is_answered_field_by_field(emulator, wire):
    """With the sample loaded, the list it was documented for answers every field of it with its value."""
    emulator.load(SAMPLE)
    answer = wire("GET", "/v1/payment_attempt_records?payment_record=pr_5RV730PrHyAEi").body
    (attempt,), (documented,) = answer["data"], SAMPLE["data"]
    assert {name: attempt[name] for name in documented} == documented
    assert (answer["object"], answer["url"], answer["has_more"]) == ("list", "/v1/payment_attempt_records", False)
    newer = {"amount", "amount_authorized", "application", "reported_by"}
    assert set(attempt) - set(documented) == newer
    assert wire("GET", "/v1/payment_attempt_records/par_4sdDKj23235s").body == attempt
    record = wire("GET", "/v1/payment_records/pr_5RV730PrHyAEi").body
    assert record["latest_payment_attempt_record"] == "par_4sdDKj23235s"


@given(
    requested=st.integers(1, 10**8),
    outcomes=st.lists(st.sampled_from(["failed", "canceled"]), max_size=3),
    refunds=st.lists(st.integers(1, 10**8), max_size=5),
)
def test_the_amounts_always_add_up(requested, outcomes, refunds):
    """Whatever is reported, what failed, was canceled, is guaranteed and was refunded is the whole or nothing yet."""
    for outcome in outcomes:
        ended = payments.settled(payments.opened("usd", requested), outcome)
        assert (payments.state(ended), _sum(ended)) == (outcome, requested)
    opened = payments.opened("usd", requested)
    assert (payments.state(opened), _sum(opened)) == ("open", 0)
    books = payments.settled(opened, "guaranteed")
    for part in refunds:
        if part <= books["amount_guaranteed"]["value"]:
            books = payments.refunded(books, part)
        assert (payments.state(books), _sum(books)) == ("guaranteed", requested)


def _sum(books):
    return sum(books[f"amount_{name}"]["value"] for name in ("failed", "canceled", "guaranteed", "refunded"))
