from __future__ import annotations

import pytest
from pydantic import ValidationError
from wire_stripe import entitlement, feature

from entitlements.stripe.objects import ActiveEntitlement, Customer, Event

EVENT = {
    "id": "evt_1",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1706111369,
    "type": "entitlements.active_entitlement_summary.updated",
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": None, "idempotency_key": None},
    "data": {"object": {"object": "entitlements.active_entitlement_summary", "customer": "cus_1", "livemode": False}},
}


def test_an_entitlement_names_its_feature_expanded_or_not():
    """R84: the feature may be an id or the whole feature; its id is the same."""
    bare = ActiveEntitlement.model_validate(entitlement(1))
    whole = ActiveEntitlement.model_validate(entitlement(1, feature=feature(1)))
    assert (bare.feature, bare.feature_id, whole.feature_id) == ("feat_1", "feat_1", "feat_1")


def test_an_event_is_its_envelope():
    """R84: id, type, time, mode and account are read; the object stays as it came."""
    event = Event.model_validate({**EVENT, "account": "acct_1"})
    assert (event.id, event.type, event.created, event.livemode, event.account) == (
        "evt_1",
        "entitlements.active_entitlement_summary.updated",
        1706111369,
        False,
        "acct_1",
    )
    assert event.data.object["customer"] == "cus_1"


@pytest.mark.parametrize(
    "changes",
    [{"object": "v2.core.event"}, {"created": "2026-11-23T00:00:00Z"}, {"created": -1}, {"data": None}, {"type": ""}],
)
def test_what_is_no_event_is_refused(changes):
    """R84: a thin event, or one without what is needed, is not taken for a snapshot event."""
    with pytest.raises(ValidationError):
        Event.model_validate({**EVENT, **changes})


def test_a_deleted_customer_is_still_a_customer():
    """Stripe answers for a deleted customer with its id and the word `deleted`."""
    gone = Customer.model_validate({"id": "cus_1", "object": "customer", "deleted": True})
    assert (gone.id, gone.deleted, gone.livemode, gone.metadata) == ("cus_1", True, None, {})
