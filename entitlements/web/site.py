"""What an application tells its middleware: which instance, whose customer, how a refusal is shown."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from entitlements.core import identify
from entitlements.customer import PIN_HOLDS, RequestView
from entitlements.errors import InvalidSettings
from entitlements.resolver import Entitlements, core_of
from entitlements.somebody import somebody
from entitlements.stripe.ids import shown
from entitlements.web.refusal import Request, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entitlements.terms import Terms
    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response

__all__ = ["Site", "checked_instance"]


@dataclass(frozen=True, slots=True)
class Site:
    """What one application's middleware was told, checked when it is told.

    Attributes:
        entitlements: the instance to ask.
        customer: finds who asks, in whatever the framework has for a request.
        terms: how a no is shown where its gate doesn't say.
        handler: finds an answer of the application's own to a refusal, or none.
        awaits: whether `customer` may be async.

    Raises:
        InvalidSettings: one of these can't be right.
    """

    entitlements: Entitlements
    customer: Callable[[Any], object]
    terms: Terms
    handler: Callable[[Refusal, Any], Any] | None = None
    awaits: bool = False

    def __post_init__(self) -> None:
        checked_instance(self.entitlements)
        if not callable(self.customer):
            raise InvalidSettings(f"customer is {shown(self.customer)}: give a function that finds the customer")
        if self.handler is not None and not callable(self.handler):
            raise InvalidSettings(f"handler is {shown(self.handler)}: give a function that answers a refusal")
        if not self.awaits and inspect.iscoroutinefunction(self.handler):
            raise InvalidSettings("handler is async, and WSGI awaits nothing: give a plain function")
        if not self.awaits and inspect.iscoroutinefunction(self.customer):
            raise InvalidSettings("customer is async, and WSGI awaits nothing: give a plain function")

    def view(self, who: object, *, holds: float = PIN_HOLDS) -> RequestView:
        """Make a request's view of a customer; `None` means that nobody is signed in.

        `holds` is how long a pin holds, in seconds.

        Raises:
            InvalidInput: what `customer` returned is no customer.
        """
        core = core_of(self.entitlements)
        who = somebody(who)
        customer = None if who is None else identify(who)
        return RequestView(core, customer, anonymous=who is None, holds=holds)

    async def own_answer(self, error: Refusal, given: object) -> Any:  # noqa: ANN401 - its framework's kind of answer
        """Ask the application's `handler`, if it has one, for its own answer to a refusal; `None` is the usual one."""
        own = None if self.handler is None else self.handler(error, given)
        return await cast("Awaitable[object]", own) if inspect.isawaitable(own) else own

    def refuse(self, error: Refusal, request: Request) -> Response:
        """Turn a refusal into this application's response."""
        return refuse(error, request, self.terms)


def checked_instance(entitlements: object) -> Entitlements:
    """Check that this is an instance.

    Raises:
        InvalidSettings: it is none.
    """
    if not isinstance(entitlements, Entitlements):
        raise InvalidSettings(f"entitlements is {shown(entitlements)}: give an Entitlements(...)")
    return entitlements
