"""What an a-method returns: something to await, that refuses to be mistaken for its answer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

__all__ = ["Question"]

T = TypeVar("T")


class Question(Coroutine[object, None, T]):
    """A coroutine without a truth value.

    A coroutine is true, so `if ents.ahas_feature(...)` without `await` would let everybody in. This one raises instead.
    It works wherever a coroutine does: `await`, `create_task`, `gather`, `wait_for`, `TaskGroup`.
    """

    __slots__ = ("__weakref__", "_inner")

    def __init__(self, inner: Coroutine[object, None, T]) -> None:
        self._inner = inner

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self._name}(...) was not awaited, so there is no answer yet: write `await {self._name}(...)`"
        )

    def __await__(self) -> Generator[object, None, T]:
        return self._inner.__await__()

    def send(self, value: None, /) -> object:
        return self._inner.send(value)

    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> object:
        if isinstance(typ, BaseException):
            return self._inner.throw(typ)
        return self._inner.throw(typ, val, tb)  # the old three-argument form, which the protocol still has

    def close(self) -> None:
        self._inner.close()

    @property
    def _name(self) -> str:
        return getattr(self._inner, "__name__", "this")

    def __repr__(self) -> str:
        return f"<Question {self._name}, not awaited yet>"
