"""R77: whoever makes up customer ids takes no memory, no more lists than the budget has, and no payer's room."""

from __future__ import annotations

import pytest
from flood import Flood, Told, poured

from entitlements import Limits

pytestmark = pytest.mark.timeout(240)

MIB = 2**20
KINDS = ["unknown to Stripe", "holding nothing"]
LONG = [pytest.mark.soak, pytest.mark.timeout(1_750)]


def hit_rate(told: Told) -> float:
    return 1 - (told.payer_lists + told.payers_refused) / told.payer_questions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ids", [100_000, pytest.param(10_000_000, marks=LONG)])
def test_a_flood_of_ids_costs_64_mib_and_the_budget_s_lists_at_most(ids, kind):
    """G14: memory and calls stay flat, and payers are answered from memory all the while."""
    told = poured(Flood(ids, known=kind == "holding nothing"))
    print(told)  # noqa: T201 - the figures of the soak
    assert (told.strangers, told.strangers_admitted, told.payers_refused) == (ids, 0, 0)
    assert told.grown < 64 * MIB
    assert told.stranger_lists <= Limits().requests_per_second * (told.seconds + 1)
    assert told.payer_questions > ids / 20
    assert hit_rate(told) > 0.99


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ids", [20_000, pytest.param(1_000_000, marks=LONG)])
def test_strangers_who_are_fetched_push_no_payer_out(ids, kind):
    """R78: where every stranger is answered, a store with just enough room for the payers goes on holding them."""
    told = poured(Flood(ids, known=kind == "holding nothing", payers=900, customers=1_000, rate=1e6))
    print(told)  # noqa: T201 - the figures of the soak
    assert (told.strangers, told.stranger_lists, told.strangers_admitted, told.payers_refused) == (ids, ids, 0, 0)
    assert told.grown < 64 * MIB
    assert hit_rate(told) > 0.99


@pytest.mark.parametrize("ids", [50_000, pytest.param(1_000_000, marks=LONG)])
def test_a_flood_doesn_t_keep_a_payer_s_change_from_being_seen(ids):
    """The budget's lists are made all the while; a payer who has just bought something has one of them in time."""
    told = poured(Flood(ids, known=False, latency=0.15, changes=True))
    print(told)  # noqa: T201 - the figures of the soak
    assert told.changes >= 2
    assert (told.payers_refused + told.changes_unseen) / (told.payer_questions + told.changes) < 0.01
    assert told.changes_unseen / told.changes < 0.5  # this machine may stand still for a while
    assert told.stranger_lists > 4 * (told.seconds - 2)


def test_a_flood_is_no_failure_of_stripe_s():
    """Waiting for a turn is not Stripe's doing: each list has its whole deadline from when it is sent."""
    told = poured(Flood(50_000, known=False, latency=0.15))
    assert told.failures < 4  # this machine may stand still for a while
