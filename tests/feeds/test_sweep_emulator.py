"""The sweep, by the library's own client, of a Stripe that keeps state and whose webhooks never arrive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from swept import World
from wire_server import Answer, WireServer, page

from entitlements import Entitlements
from entitlements import emulator as emulated
from entitlements.emulator import StripeEmulator
from entitlements.feeds.notes import MemoryNotes
from entitlements.feeds.sweep import SweepResult
from entitlements.stripe import MalformedReply, PermissionDenied, Stripe, StripeError

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = {"features": {"exports": "Data exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}


class FileNotes(MemoryNotes):
    """Notes that outlive a process, in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def read_note(self, name: str) -> str | None:
        return json.loads(self._path.read_text()).get(name) if self._path.exists() else None

    def write_note(self, name: str, text: str) -> bool:
        self._path.write_text(json.dumps({name: text}))
        return True


@pytest.fixture(name="emulator", scope="module")
def _emulator():
    with StripeEmulator(catalog=CATALOG, clock=emulated.Clock(start=1_800_000_000)) as emulator:
        yield emulator


@pytest.fixture(name="stripe")
def _stripe(emulator: StripeEmulator):
    emulator.reset()
    with Stripe(emulator.api_key, api_base=emulator.url, max_retries=0) as stripe:
        yield stripe


@pytest.fixture(name="real")
def _real(emulator: StripeEmulator, stripe: Stripe) -> dict[str, Any]:
    """What a sweep is given instead of a test's own list."""
    return {"events": stripe.events, "wall": lambda: float(emulator.clock.now())}


@pytest.fixture(name="world")
def _world(real: dict[str, Any]) -> World:
    world = World(**real)
    world.round()
    world.done()
    return world


def requests(emulator: StripeEmulator) -> int:
    return emulator.count("GET", "/v1/events")


def test_a_purchase_and_a_cancellation_are_noticed_in_one_round_each(emulator, world):
    """Their several events cost one raise each, with the settle window open."""
    customer = emulator.customer()
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)
    world.done()
    subscription = emulator.subscribe(customer, "pro")
    world.round()
    assert world.raised() == {customer: False}
    emulator.cancel(subscription)
    world.round()
    assert world.raised() == {customer: False}
    assert world.round() == SweepResult(stamped=True)


def test_an_answer_turns_with_the_round_and_without_a_webhook(emulator, real):
    """What was refused is admitted, and what was admitted refused, as soon as a round was made."""

    class Fence(World):
        def raise_customer(self, customer: str, *, settled: bool) -> None:
            ents.invalidate(customer)

    world, customer = Fence(**real), emulator.customer()
    with Entitlements(emulator.api_key, api_base=emulator.url) as ents:

        def swept() -> bool:
            world.round()
            return ents.has_feature(customer, "exports")

        before = swept()
        bought = emulator.subscribe(customer, "pro")
        meanwhile = swept()
        emulator.cancel(bought)
        assert (before, meanwhile, swept()) == (False, True, False)


def test_an_idle_thousand_costs_one_request_a_round(emulator, world):
    """However many customers there are, looking for what nobody did is one page."""
    for number in range(1_000):
        if number % 20 == 0:
            emulator.advance(seconds=1)
        emulator.customer()
    assert world.round() == SweepResult(events=1_000, customers=1_000, stamped=True)
    for _ in range(5):
        emulator.advance(seconds=15)
        world.round()
    before = requests(emulator)
    for _ in range(100):
        emulator.advance(seconds=15)
        assert world.round() == SweepResult(stamped=True)
    assert requests(emulator) - before == 100


def test_250_changes_cost_three_requests(emulator, world):
    """Within one second, even."""
    customers = [emulator.customer() for _ in range(250)]
    before = requests(emulator)
    world.round()
    assert world.raised() == dict.fromkeys(customers[::-1], False)
    assert requests(emulator) - before == 3


def test_a_restart_goes_on_where_its_file_says(emulator, real, tmp_path):
    """A position in a file outlives the process: the next one raises what happened meanwhile, and nothing else."""
    emulator.customer()
    World(FileNotes(tmp_path / "notes"), **real).round()
    emulator.advance(days=3)
    customer = emulator.customer()
    world = World(FileNotes(tmp_path / "notes"), **real)
    assert world.round() == SweepResult(events=1, customers=1, stamped=True)
    assert world.raised() == {customer: False}


def test_31_days_of_silence_are_no_gap_for_who_listened(emulator, world):
    """The last event is kept no longer, and the position has moved on by itself."""
    emulator.customer()
    for _ in range(35):
        assert world.round().gap is None
        emulator.advance(days=1)
    world.done()
    customer = emulator.customer()
    world.round()
    assert world.raised() == {customer: False}


def test_31_days_of_absence_are_a_gap(emulator, world):
    """Who didn't listen can't ask any more."""
    emulator.customer()
    world.round()
    emulator.advance(days=31)
    assert world.round().gap == "events of so long ago aren't kept by Stripe"
    assert world.round() == SweepResult(stamped=True)


def test_a_stripe_that_begins_anew_is_a_gap(emulator, world):
    """Another store behind the same key doesn't have the last event: nothing from before is relied on."""
    emulator.customer()
    world.round()
    emulator.reset()
    assert world.round().gap == "the last event seen is no longer listed"
    assert world.round() == SweepResult(stamped=True)


def test_r61_a_vanishing_cursor_begins_again(emulator, world):
    """As Stripe refuses a cursor whose object is gone."""
    for _ in range(150):
        emulator.customer()
    emulator.faults.revoked_cursor("/v1/events", times=2)
    assert world.round() == SweepResult(events=150, customers=150, stamped=True)
    emulator.customer()
    emulator.faults.revoked_cursor("/v1/events")
    assert world.round().gap == "the event list changed under every one of 4 readings"


FAULTS = {
    "500": lambda faults: faults.status(500),
    "429": lambda faults: faults.rate_limit(),
    "a page that leads nowhere": lambda faults: faults.empty_page(),
    "a reset": lambda faults: faults.reset(),
    "half an answer": lambda faults: faults.half(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_is_made_up_for(emulator, world, fault):
    """R60: an error, a page that leads nowhere, a broken line: nothing is skipped, and nothing voided."""
    customer = emulator.customer()
    noted = world.read_note("sweep")
    set_fault = FAULTS[fault](emulator.faults)
    with pytest.raises(StripeError):
        world.round()
    assert (world.done(), world.read_note("sweep")) == ([], noted)
    set_fault.release()
    world.round()
    assert world.raised() == {customer: False}


def test_a_key_that_may_not_read_events_says_so(emulator, world):
    """A restricted key without leave for events is an error that names it, not an account where nothing happens."""
    emulator.faults.status(403, "GET", "/v1/events")
    with pytest.raises(PermissionDenied):
        world.round()
    assert world.done() == []


@pytest.mark.parametrize(("key", "livemode"), [("sk_test_1", True), ("sk_live_1", False)])
def test_r09_events_of_the_other_mode_are_an_error(key, livemode):
    """A live list says nothing about test customers, nor the reverse: nothing is raised, noted or stamped."""
    event = {"id": "evt_1", "object": "event", "created": 1_800_000_000, "livemode": livemode}
    event |= {"type": "customer.created", "data": {"object": {"id": "cus_1"}}}
    with WireServer() as server, Stripe(key, api_base=server.url) as stripe:
        server.always(Answer(page(event)))
        world = World(events=stripe.events)
        with pytest.raises(MalformedReply, match="livemode"):
            world.round()
    assert world.done() == []
