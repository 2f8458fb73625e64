"""The steps of the walk: each does something, looks at what came back, and says what it saw, or that it isn't so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

import requests

from entitlements import Freshness
from entitlements.demo.site import ALICE, BOB, COST, EXPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.demo.browser import Browser, Page
    from entitlements.demo.shop import Shop, Subscription
    from entitlements.emulator import Delivery

__all__ = ["STEPS", "Line", "NotAsPromised", "Stage", "Step"]

_SOON: Final = Freshness().recheck_denial_after - 1.0
_SLOWLY: Final = 0.05  # seconds between visits where time has to pass; a webhook is awaited at full speed


class NotAsPromised(Exception):
    """A step saw something else than it says."""


class Stripe(Protocol):
    """What the walk does to Stripe besides using its API."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def delivered(self) -> bool: ...
    def deliveries(self) -> Sequence[Delivery]: ...


@dataclass(slots=True)
class Stage:
    """Who and what is on the walk; `bought` and `bought_at` are what one step leaves to the next."""

    browser: Browser
    shop: Shop
    stripe: Stripe
    alice: str  # Stripe's id of her
    bought: Subscription | None = None
    bought_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of the table says: what happened, what was answered, how long that took, and more about both."""

    event: str
    answer: str
    detail: str
    time: str
    since: str = ""


Step: TypeAlias = Callable[[Stage], Iterator[Line]]


def refused(stage: Stage) -> Iterator[Line]:
    """Alice, on Free, is refused what Pro includes."""
    # The catalogue loads behind the first question. A refusal waits for it a moment, but on no account for long.
    settled = stage.browser.open_until(EXPORTS, ALICE, lambda page: page.status != _NO or bool(_plans(page)))
    yield Line("Alice, on Free, opens /exports", settled[-1].title, _upsell(settled[-1]), _time(settled[0].seconds))


def bought(stage: Stage) -> Iterator[Line]:
    """Alice buys Pro: one POST to Stripe's API, of which nobody tells the application."""
    began = perf_counter()
    stage.bought = stage.shop.sell(stage.alice, "pro")
    stage.bought_at = perf_counter()
    _promise(stage.bought.status == "active", f"the subscription should be active, and is {stage.bought.status}")
    yield Line("Alice buys Pro", stage.bought.status, "the subscription, at Stripe", _time(stage.bought_at - began))


def admitted(stage: Stage) -> Iterator[Line]:
    """Alice is admitted as soon as Stripe's webhook has reached the application."""
    # Within this time nothing but the webhook can bring it about: later, a refusal is verified at Stripe by itself.
    *before, page = stage.browser.open_until(EXPORTS, ALICE, lambda page: page.status == _YES, seconds=_SOON)
    _promise_status(page, _YES, "the purchase should have opened the page")
    for early in before:
        _promise_status(early, _NO, "until the webhook arrives, the answer should be the old one")
    taken = f"told by {_webhooks(stage)} signed webhooks"
    yield Line("Alice opens it again", page.title, taken, _time(page.at - stage.bought_at), "after buying")


def unreachable(stage: Stage) -> Iterator[Line]:
    """Stripe is gone: who is known stays admitted, and who isn't gets no verdict rather than a wrong one."""
    stage.browser.open(EXPORTS, ALICE)  # every event has arrived by now, and this is what will be remembered
    stage.stripe.pause()
    _promise(_gone(stage), "Stripe should be unreachable, and still answers")
    visits = stage.browser.open_until(EXPORTS, ALICE, lambda page: page.status != _YES or _is_old(page), every=_SLOWLY)
    for visit in visits:
        _promise_status(visit, _YES, "a known customer should stay admitted while Stripe is away")
    page = visits[-1]
    _promise(_is_old(page), f"the answer should rest on the past by now, and is {page.body.get('source')!r}")
    known = f"by what was known {cast('float', page.body['age']):.1f} s ago"
    yield Line("Stripe is down; Alice opens it", page.title, known, _time(page.seconds))

    stranger = stage.browser.open(EXPORTS, BOB)
    _promise_status(stranger, _UNKNOWN, "whether a stranger has paid can't be told while Stripe is away")
    _promise("unlock_with" not in stranger.body, "a customer who may have paid must not be shown an upsell")
    wait = stranger.headers.get("Retry-After")
    _promise(wait is not None, "the answer should say when to come back")
    cannot = f"cannot tell; no upsell; retry in {wait} s"
    yield Line("Bob, on Pro but unseen, opens it", stranger.title, cannot, _time(stranger.seconds))


def cancelled(stage: Stage) -> Iterator[Line]:
    """Stripe is back, Alice's subscription ends, and so does her access."""
    began = perf_counter()
    stage.stripe.resume()
    bob = stage.browser.open_until(EXPORTS, BOB, lambda page: page.status == _YES, every=_SLOWLY)[-1]
    _promise_status(bob, _YES, "once Stripe is back, whoever has paid should be admitted")
    yield Line("Stripe is back; Bob opens it", bob.title, "now it can be told", _time(bob.at - began), "after that")

    alice = stage.browser.open_until(EXPORTS, ALICE, lambda page: not _is_old(page), every=_SLOWLY)[-1]
    _promise_status(alice, _YES, "who has not cancelled yet should be admitted")
    _promise(stage.bought is not None, "there should be something to cancel: run the steps in their order")
    ended = stage.shop.cancel(cast("Subscription", stage.bought))
    at = perf_counter()
    _promise(ended.status == "canceled", f"the subscription should be canceled, and is {ended.status}")
    page = stage.browser.open_until(EXPORTS, ALICE, lambda page: page.status == _NO)[-1]
    upsell = _upsell(page)
    _webhooks(stage)
    yield Line("Alice cancels, then opens it", page.title, upsell, _time(page.at - at), "after cancelling")


def cheap(stage: Stage) -> Iterator[Line]:
    """One warm check costs next to nothing, and nothing at Stripe."""
    page = stage.browser.open(COST, BOB)
    _promise_status(page, _YES, "the application should have measured a check")
    cost = cast("dict[str, float]", page.body)
    _promise(bool(cost["allowed"]), "the check that was timed should have said yes")
    _promise(cost["fetches"] == 0, f"a warm check should ask nothing of Stripe, and asked {cost['fetches']} times")
    times = f"{cost['ratio']:.1f} times a bare dict and set"
    made = f"{cost['checks']:,} checks, {cost['fetches']} calls to Stripe"
    yield Line("One check, measured there", times, made, f"{cost['nanoseconds']:.0f} ns", "each")


STEPS: Final[tuple[Step, ...]] = (refused, bought, admitted, unreachable, cancelled, cheap)

_YES: Final = HTTPStatus.OK
_NO: Final = HTTPStatus.PAYMENT_REQUIRED
_UNKNOWN: Final = HTTPStatus.SERVICE_UNAVAILABLE


def _promise(kept: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as the assertion it is
    if not kept:
        raise NotAsPromised(otherwise)


def _promise_status(page: Page, status: HTTPStatus, why: str) -> None:
    _promise(page.status == status, f"{why} (expected {status} {status.phrase}, got {page.title})")


def _upsell(page: Page) -> str:
    _promise_status(page, _NO, "without Pro the exports should be refused: are they gated?")
    plans = _plans(page)
    _promise(plans == {"Pro", "Business"}, f"a refusal should name Pro and Business as what unlocks it, not {plans}")
    return "Pro or Business would unlock it"


def _plans(page: Page) -> set[str]:
    offers = cast("list[dict[str, str]]", page.body.get("unlock_with", []))
    return {offer["name"] for offer in offers}


def _is_old(page: Page) -> bool:
    return page.body.get("source") == "stale"


def _webhooks(stage: Stage) -> int:
    """Wait until every webhook was taken; count those of the walk so far."""
    _promise(stage.stripe.delivered(), "every webhook should have been delivered within some seconds")
    states = [delivery.state for delivery in stage.stripe.deliveries()]
    _promise(set(states) == {"succeeded"}, f"every webhook should have been verified and taken, and they {states}")
    return len(states)


def _gone(stage: Stage) -> bool:
    try:
        stage.shop.ping()
    except requests.ConnectionError:
        return True
    return False


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
