"""Every outcome that a question may have, arranged in a world of the test's own, with what OpenFeature calls it.

`OUTCOMES[name](world)` arranges it, and gives the flag key and the evaluation context to ask with; `EXPECTED[name]` is
the value (`None` for the caller's default), the reason and the error code of a boolean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from controlled import Clock, Truth
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from entitlements import Entitlements, Offer
from entitlements.catalog import Contents
from entitlements.openfeature import EntitlementsProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from openfeature.client import OpenFeatureClient

__all__ = ["ALICE", "BOB", "CAROL", "EXPECTED", "OUTCOMES", "World"]

ALICE, BOB, CAROL = (EvaluationContext(f"cus_{number}") for number in (1, 2, 3))  # she has exports, and they nothing
PRO, TEAM = Offer("prod_pro", "Pro"), Offer("prod_team", "Team")


class Shop(Truth):
    """A source with a catalogue."""

    def __init__(self) -> None:
        super().__init__({"cus_1": {"exports", "archived"}, "cus_2": set()})
        self.catalog_fails = False

    def catalog(self) -> Contents:
        if self.catalog_fails:
            raise OSError("no catalogue")
        return Contents.of({"exports": [PRO, TEAM], "sso": [TEAM]})


@dataclass
class World:
    """A source, a clock, and two instances that rest on them, one of them strict."""

    shop: Shop = field(default_factory=Shop)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.lax = Entitlements(source=self.shop, clock=self.clock, strict=False)
        self.strict = Entitlements(source=self.shop, clock=self.clock, strict=True)
        self.ents = self.lax  # who is asked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        api.shutdown()
        self.lax.close()
        self.strict.close()

    def client(self, domain: str | None = None) -> OpenFeatureClient:
        """Give OpenFeature's client, with a provider behind it that asks the instance in use."""
        api.set_provider_and_wait(EntitlementsProvider(self.ents), domain)
        return api.get_client(domain)

    def warm(self, customer: str, *, age: float) -> None:
        """Have a customer's features in memory, and let them grow old."""
        self.ents.check(customer, "exports")
        self.clock.tick(age)

    def fail(self) -> None:
        """Have the source fail from here on."""
        self.shop.failing = OSError("no way to Stripe for cus_1")

    def fail_after(self, customer: str, *, age: float) -> None:
        """Have the source fail when what is in memory is old."""
        self.warm(customer, age=age)
        self.fail()

    def fail_catalog_after(self, seconds: float) -> None:
        """Have the catalogue read, or not if that is no time ago, and fail from then on."""
        if seconds:
            self.warm("cus_2", age=seconds)
        self.shop.catalog_fails = True


class NeverBought:
    """Somebody known to the application who never bought anything."""

    stripe_customer_id = None


class Broken:
    """Somebody whose id can't even be asked for."""

    @property
    def stripe_customer_id(self) -> str:
        raise RuntimeError("not loaded")


def _on(customer: Any) -> EvaluationContext:
    return EvaluationContext(customer)


def _asked(
    key: Any,
    context: EvaluationContext | None,
    arrange: Callable[[World], object] = lambda _: None,
) -> Callable[[World], tuple[str, EvaluationContext | None]]:
    def arranged(world: World) -> tuple[str, EvaluationContext | None]:
        arrange(world)
        return cast("str", key), context

    return arranged


def _be_strict(world: World) -> None:
    world.ents = world.strict


OUTCOMES = {
    "allowed, fetched": _asked("exports", _on("cus_1")),
    "allowed, cached": _asked("exports", _on("cus_1"), lambda world: world.warm("cus_1", age=299 * 0.9)),
    "allowed, in no catalogue": _asked("archived", _on("cus_1"), lambda world: world.warm("cus_2", age=0)),
    "allowed, stale": _asked("exports", _on("cus_1"), lambda world: world.warm("cus_1", age=400)),
    "allowed, stale while Stripe fails": _asked(
        "exports", _on("cus_1"), lambda world: world.fail_after("cus_1", age=700)
    ),
    "refused, fetched": _asked("exports", _on("cus_2")),
    "refused, cached": _asked("exports", _on("cus_2"), lambda world: world.warm("cus_2", age=5)),
    "refused, verified": _asked("exports", _on("cus_2"), lambda world: world.warm("cus_2", age=10)),
    "refused, no catalogue": _asked("export", _on("cus_2"), lambda world: world.fail_catalog_after(0)),
    "refused, old catalogue": _asked("export", _on("cus_1"), lambda world: world.fail_catalog_after(20)),
    "refused, never bought": _asked("exports", _on(NeverBought())),
    "unknown to Stripe": _asked("exports", _on("cus_nobody")),
    "cannot tell": _asked("exports", _on("cus_1"), World.fail),
    "cannot tell, refused before": _asked("exports", _on("cus_2"), lambda world: world.fail_after("cus_2", age=400)),
    "closed": _asked("exports", _on("cus_1"), lambda world: world.ents.close()),
    "unknown key": _asked("export", _on("cus_1")),
    "unknown key, never bought": _asked("export", _on(NeverBought())),
    "unknown key, strict": _asked("export", _on("cus_1"), _be_strict),
    "empty key": _asked("", _on("cus_1")),
    "key with a space": _asked(" exports", _on("cus_1")),
    "key too long": _asked("x" * 81, _on("cus_1")),
    "no key": _asked(None, _on("cus_1")),
    "no context": _asked("exports", None),
    "no targeting key": _asked("exports", EvaluationContext(attributes={"plan": "pro"})),
    "empty targeting key": _asked("exports", _on("")),
    "targeting key with a space": _asked("exports", _on("Alice Smith")),
    "targeting key too long": _asked("exports", _on("c" * 256)),
    "targeting key a number": _asked("exports", _on(7)),
    "targeting key that raises": _asked("exports", _on(Broken())),
}

EXPECTED: dict[str, tuple[bool | None, Reason, ErrorCode | None]] = {
    "allowed, fetched": (True, Reason.TARGETING_MATCH, None),
    "allowed, cached": (True, Reason.CACHED, None),
    "allowed, in no catalogue": (True, Reason.TARGETING_MATCH, None),
    "allowed, stale": (True, Reason.STALE, None),
    "allowed, stale while Stripe fails": (True, Reason.STALE, None),
    "refused, fetched": (False, Reason.TARGETING_MATCH, None),
    "refused, cached": (False, Reason.CACHED, None),
    "refused, verified": (False, Reason.TARGETING_MATCH, None),
    "refused, no catalogue": (False, Reason.TARGETING_MATCH, None),
    "refused, old catalogue": (False, Reason.TARGETING_MATCH, None),
    "refused, never bought": (False, Reason.TARGETING_MATCH, None),
    "unknown to Stripe": (False, Reason.TARGETING_MATCH, None),
    "cannot tell": (None, Reason.ERROR, ErrorCode.GENERAL),
    "cannot tell, refused before": (None, Reason.ERROR, ErrorCode.GENERAL),
    "closed": (None, Reason.ERROR, ErrorCode.GENERAL),
    "unknown key": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "unknown key, never bought": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "unknown key, strict": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "empty key": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "key with a space": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "key too long": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "no key": (None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
    "no context": (None, Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING),
    "no targeting key": (None, Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING),
    "empty targeting key": (None, Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING),
    "targeting key with a space": (None, Reason.ERROR, ErrorCode.INVALID_CONTEXT),
    "targeting key too long": (None, Reason.ERROR, ErrorCode.INVALID_CONTEXT),
    "targeting key a number": (None, Reason.ERROR, ErrorCode.INVALID_CONTEXT),
    "targeting key that raises": (None, Reason.ERROR, ErrorCode.GENERAL),
}
