"""One call at a gate: whom it asks, about whom, and what becomes of a refusal."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from entitlements import overridden
from entitlements.bound import bound_view, configured
from entitlements.core import Core, identify
from entitlements.decision import Decision, Reason, enforced
from entitlements.errors import NotConfigured
from entitlements.resolver import Entitlements, core_of
from entitlements.somebody import somebody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from entitlements.cache.wait import Wait
    from entitlements.customer import RequestView
    from entitlements.requirement import Requirement
    from entitlements.terms import Terms

__all__ = ["Asked", "Gate", "settled"]


class Asked:
    """One call at a gate: who is asked, about whom. It is settled when the call is made, in the caller's context."""

    __slots__ = ("core", "need", "view", "who")

    def __init__(self, need: Requirement, core: Core, view: RequestView | None, who: object) -> None:
        self.need = need
        self.core = core
        self.view = view
        self.who = who

    def admitted(self) -> bool:
        """Say whether the answer is a yes that is at hand: the short way, with no decision made of it."""
        if overridden.anywhere:
            return False
        if self.view is not None and not self.view.live:
            return self.view.admits(self.need)
        who = self.who if self.view is None else self.view.stripe_customer_id
        return len(self.need.features) == 1 and self.core.cache.admits(who, self.need.features[0])

    @property
    def waits(self) -> bool:
        """Say whether the customer must be awaited first."""
        return inspect.isawaitable(self.who) if self.view is None else self.view.waits

    def flow(self) -> Generator[Wait, None, Decision]:
        if self.view is not None:
            return self.view.decide(self.need)
        return _anonymous(self.need) if self.who is None else self.core.decide(identify(self.who), self.need)


def _anonymous(need: Requirement) -> Generator[Wait, None, Decision]:
    yield from ()
    return Decision(need, Reason.ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Gate:
    """What one decorator was told."""

    need: Requirement
    customer: Callable[..., object] | None
    entitlements: Entitlements | None
    otherwise: Callable[..., object] | None
    terms: Terms | None = None

    @property
    def key(self) -> str:
        """Give the one key that the view bound around a call may be asked for at once; none, "", if it takes more."""
        plain = self.customer is None and self.entitlements is None
        return self.need.features[0] if plain and len(self.need.features) == 1 else ""

    def asked(self, args: tuple[object, ...], kwargs: dict[str, object], *, lazy: bool = False) -> Asked:
        """Settle who is asked about whom; `lazy` leaves an async `customer=` to be awaited later."""
        view = bound_view()
        core = self._core(view)
        if view is not None:
            view.asked = True  # what the request is answered depends on who asks, whoever finds that out
        if self.customer is None:
            if view is None:
                raise NotConfigured(
                    f"nothing says whose {self.need} is asked for: run this within EntitlementsMiddleware, "
                    "or give requires_feature a customer="
                )
            return Asked(self.need, core, view.seen_by(core), None)
        who = somebody(self.customer(*args, **kwargs))
        if not lazy and inspect.isawaitable(who):
            if inspect.iscoroutine(who):
                who.close()
            raise TypeError("customer= is async and the guarded function is not: find the customer without awaiting")
        return Asked(self.need, core, None, who)

    async def aasked(self, args: tuple[object, ...], kwargs: dict[str, object]) -> Asked:
        """Settle who is asked about whom, awaiting an async `customer=`."""
        return await settled(self.asked(args, kwargs, lazy=True))

    def refuse(self, decision: Decision, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Do otherwise, or raise."""
        return self.otherwise(*args, **kwargs) if self.otherwise else enforced(decision, self.terms)

    def _core(self, view: RequestView | None) -> Core:
        if self.entitlements is not None:
            return core_of(self.entitlements)
        if view is not None:
            return view.core
        default = configured()
        if default is None:
            raise NotConfigured(
                f"nothing says which Entitlements is asked for {self.need}: run this within EntitlementsMiddleware, "
                "call entitlements.configure(ents) at start, or give requires_feature an entitlements="
            )
        return core_of(default)


async def settled(asked: Asked) -> Asked:
    if not asked.waits:
        return asked
    if asked.view is not None:
        await asked.view.settle()
        return asked
    return Asked(asked.need, asked.core, None, somebody(await cast("Awaitable[object]", asked.who)))
