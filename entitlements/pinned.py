"""One customer's features, held still: one truth for one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

__all__ = ["Pinned"]


class Pinned(frozenset[str]):
    """The lookup keys a customer holds, at one moment.

    It is a frozenset and asks like one, at a frozenset's speed: `"exports" in pinned`.

    Attributes:
        unavailable: whether the absence of a key proves nothing, because nothing fresh enough to refuse was found.
            Show "we could not confirm your plan" then, never an upsell.
        age: seconds, when pinned, since the fetch behind it began; `None` when nothing was found.

    >>> page = Pinned({"exports"}, age=0.4)
    >>> "exports" in page, "sso" in page, page.unavailable
    (True, False, False)
    """

    __slots__ = ("age", "unavailable")

    age: float | None
    unavailable: bool

    def __new__(cls, features: Iterable[str] = (), *, age: float | None = None, unavailable: bool = False) -> Self:
        pinned = super().__new__(cls, features)
        pinned.age = age
        pinned.unavailable = unavailable
        return pinned

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (tuple(self), self.age, self.unavailable)

    def __repr__(self) -> str:
        return f"Pinned({set(self) or '{}'}, age={self.age}, unavailable={self.unavailable})"


def _rebuild(features: tuple[str, ...], age: float | None, unavailable: bool) -> Pinned:  # noqa: FBT001 - pickle's call
    return Pinned(features, age=age, unavailable=unavailable)
