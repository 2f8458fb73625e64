"""Overrides: what a test says instead of the source, in its own context and for as long as it says so.

No hot path looks for them. They are looked for on the slow paths only: while one is in force anywhere in this process,
whoever has a hot path leaves it. `on_switch` tells when that begins and ends, `on_begin` in whose context.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from types import MethodType
from typing import TYPE_CHECKING, Final
from weakref import WeakMethod, ref

from entitlements.forks import wait_before_fork
from entitlements.pinned import Pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Layer", "anywhere", "applied", "begin", "end", "on_begin", "on_switch", "said", "standing", "told"]

anywhere = False  # whether any override is in force in this process, whoever's; read it, and never write it
_in_force = 0
_followers: list[Callable[[], Callable[[], object] | None]] = []
_mindful: list[Callable[[], object]] = []
_switching: Final = threading.RLock()
wait_before_fork(_switching)


class Layer:
    """What one override says of one customer, over those that it was begun in.

    A task that was created within has it in its own context, and may go on for longer: `ended` is for all of them.
    """

    __slots__ = ("customer", "ended", "features", "outer")

    def __init__(self, customer: str, features: Mapping[str, bool], outer: Layer | None) -> None:
        self.customer: Final = customer
        self.features: Final = features
        self.outer: Final = outer
        self.ended = False


_innermost: ContextVar[Layer | None] = ContextVar("entitlements_override", default=None)


# --- by whoever overrides --------------------------------------------------------------------------------------------


def begin(customer: str, features: Mapping[str, bool]) -> Layer:
    """Let a customer have these features, or not have them, in this context from here on."""
    layer = Layer(customer, features, next(standing(), None))
    _count(+1)
    _innermost.set(layer)
    for call in _mindful:
        call()
    return layer


def end(layer: Layer) -> None:
    """Take it back, in whatever context it has come to."""
    if layer.ended:
        return
    layer.ended = True
    _innermost.set(next(standing(), None))  # a context that lives on keeps none alive that has ended
    _count(-1)


def standing() -> Iterator[Layer]:
    """List what is in force in this context, the innermost first."""
    layer = _innermost.get()
    while layer is not None:
        if not layer.ended:
            yield layer
        layer = layer.outer


def _count(step: int) -> None:
    global anywhere, _in_force  # noqa: PLW0603 - one switch a process
    with _switching:
        _in_force += step
        if anywhere != (_in_force > 0):
            anywhere = _in_force > 0
            for follower in _followers:
                if call := follower():
                    call()


# --- by whoever answers ----------------------------------------------------------------------------------------------


def on_switch(call: Callable[[], object]) -> None:
    """Have something called now, and whenever `anywhere` has changed; it isn't kept alive by that.

    It mustn't wait for anything.
    """
    follower = WeakMethod(call) if isinstance(call, MethodType) else ref(call)
    with _switching:
        _followers[:] = [*(each for each in _followers if each()), follower]
        call()


def on_begin(call: Callable[[], object]) -> None:
    """Have a function called whenever an override has begun, in its context, for what is kept there.

    It is kept for ever, and mustn't wait for anything.
    """
    _mindful.append(call)


def told(customer: str | None) -> Mapping[str, bool]:
    """Give what is said of a customer in this context, by lookup key: nearly always nothing."""
    if not anywhere:
        return _NOTHING
    features: dict[str, bool] = {}
    for layer in standing():
        if layer.customer == customer:
            features = {**layer.features, **features}  # the inner one wins, for its keys only
    return features


_NOTHING: Final[Mapping[str, bool]] = {}


def said(customer: str | None, feature: object) -> bool | None:
    """Say whether a customer has a feature, if anything is said of that."""
    return told(customer).get(feature) if isinstance(feature, str) else None


def applied(customer: str | None, pin: Pinned) -> Pinned:
    """Give what is pinned, with what is said over it."""
    features = told(customer)
    if not features:
        return pin
    held = pin.union(key for key, has in features.items() if has)
    return Pinned(
        held.difference(key for key, has in features.items() if not has), age=pin.age, unavailable=pin.unavailable
    )
