"""A request's view whose customer is found at the first question, for frameworks that know late who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.core import identify
from entitlements.customer import PIN_HOLDS, RequestView
from entitlements.errors import NotConfigured
from entitlements.somebody import somebody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entitlements.core import Core

__all__ = ["LazyView"]


class LazyView(RequestView):
    """A `RequestView` that asks nobody who the customer is before something depends on it.

    `find` returns what a `customer=` does: Stripe's id, an object with a `.stripe_customer_id`, or `None`. Where there
    is an `afind`, whoever can await a question awaits that instead.
    """

    def __init__(
        self,
        core: Core,
        find: Callable[[], object],
        afind: Callable[[], Awaitable[object]] | None = None,
        *,
        holds: float = PIN_HOLDS,
    ) -> None:
        super().__init__(core, None, holds=holds)
        self._find = find
        self._afind = afind
        self._forget()

    @property
    def known(self) -> bool:
        """Say whether it was found out who asks."""
        return "anonymous" in self.__dict__

    @property
    def waits(self) -> bool:
        return self._afind is not None and not self.known

    async def settle(self) -> None:
        if self._afind is None or self.known:
            return
        try:
            who = somebody(await self._afind())
        except AttributeError as error:
            raise _failed(error) from error
        if not self.known:  # else somebody else found out meanwhile, and one request sees one truth
            self._take(who)

    def seen_by(self, core: Core) -> RequestView:
        if core is self.core or self.known:
            return super().seen_by(core)
        self.asked = True
        return LazyView(core, self._find, self._afind, holds=self._holds)

    if not TYPE_CHECKING:  # for type checkers these are the attributes that every view has

        def __getattr__(self, name: str) -> object:
            if name not in {"stripe_customer_id", "anonymous"}:
                raise AttributeError(f"{type(self).__name__} has no {name}", name=name, obj=self)
            self._find_out()
            return self.__dict__[name]

    def _find_out(self) -> None:
        try:
            who = somebody(self._find())
        except AttributeError as error:
            # Templates read an AttributeError as "there is no such thing", and would go on as if nothing were wrong.
            raise _failed(error) from error
        self._take(who)

    def _take(self, who: object) -> None:
        self.stripe_customer_id = None if who is None else identify(who)
        self.anonymous = who is None

    def _forget(self) -> None:
        """Let go of who asks: what isn't there is looked for by `__getattr__`, and read at full speed once it is."""
        del self.stripe_customer_id, self.anonymous

    def __repr__(self) -> str:
        known = self.__dict__.get("stripe_customer_id", "not asked yet")
        return f"{type(self).__name__}({known!r})"


def _failed(error: AttributeError) -> NotConfigured:
    return NotConfigured(f"customer= failed to find out who asks: {error}")
