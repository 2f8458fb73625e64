"""The walk: the stage set up, one step after the other, and whatever happens, nothing left behind."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import requests

from entitlements.demo.browser import Browser
from entitlements.demo.process import ApplicationProcess
from entitlements.demo.shop import CATALOG, Shop
from entitlements.demo.site import ALICE, BOB, HOME, WEBHOOK
from entitlements.demo.steps import STEPS, NotAsPromised, Stage
from entitlements.emulator import StripeEmulator

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from entitlements.demo.steps import Line

__all__ = ["Scene", "StepFailed", "live", "walk"]

_SETTING_UP: Final = 0


class StepFailed(Exception):
    """A step didn't do what it says.

    Attributes:
        number: of the step; 0 is the setting-up.
        name: of the step.
        log: the application's last words.
    """

    def __init__(self, number: int, name: str, why: str, *, log: str = "") -> None:
        super().__init__(why)
        self.number = number
        self.name = name
        self.log = log

    def __str__(self) -> str:
        return f"step {self.number} ({self.name}) did not do what it says: {self.args[0]}"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the walk takes place in.

    Attributes:
        stage: what the steps work with.
        stripe: the emulator's address.
        application: the application's address.
        process: the application's process id.
    """

    stage: Stage
    stripe: str
    application: str
    process: int


def walk(stage: Stage) -> Iterator[tuple[int, Line]]:
    """Go step by step; give each line with its step's number.

    Raises:
        StepFailed: a step didn't do what it says.
    """
    for number, step in enumerate(STEPS, 1):
        try:
            for line in step(stage):
                yield number, line
        except (NotAsPromised, requests.RequestException) as error:
            raise StepFailed(number, step.__name__, str(error)) from error


@contextmanager
def live() -> Generator[Scene]:
    """Start Stripe and the application, and have customers and a webhook between them; stop everything at the end.

    Raises:
        StepFailed: the application didn't start, or a step failed within; with the application's last words.
    """
    with ExitStack() as stack:
        stripe = stack.enter_context(StripeEmulator(catalog=CATALOG))
        application = stack.enter_context(ApplicationProcess())
        shop = stack.enter_context(Shop(stripe.url, stripe.api_key))
        browser = stack.enter_context(Browser(application.url))
        users = {ALICE: shop.welcome("Alice", "free"), BOB: shop.welcome("Bob", "pro")}
        settings = {
            "STRIPE_API_BASE": stripe.url,
            "STRIPE_API_KEY": stripe.api_key,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook(f"{application.url}{WEBHOOK}"),
            "DEMO_USERS": json.dumps(users),
        }
        process = application.start(settings)
        try:
            _await_start(browser)
            yield Scene(Stage(browser, shop, stripe, users[ALICE]), stripe.url, application.url, process)
        except StepFailed as failed:
            application.stop()  # so that its last words are complete
            failed.log = application.last_words()
            raise


def _await_start(browser: Browser) -> None:
    try:
        browser.open(HOME, ALICE)
    except requests.RequestException as error:
        raise StepFailed(_SETTING_UP, "setting up", f"the application did not start: {error}") from error
