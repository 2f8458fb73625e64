"""Guards: how each kind of callable is kept shut until its check is done.

What a request has pinned, or what is known of a live view's customer, admits here without a call into the rest: that is
the gates' hot path, which takes no lock, makes no container and waits for nothing. Most calls have no keywords; passing
on an empty dict of them would make another one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable
from time import monotonic
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakSet

from entitlements.asked import settled
from entitlements.bound import bound
from entitlements.cache.wait import glance
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from types import TracebackType

    from entitlements.asked import Asked, Gate

__all__ = ["gates_of", "guard", "guarded_elsewhere"]

MARK: Final = "__entitlements_gate__"  # what a guarded function carries, and whatever is made of it by functools.wraps
_inner: Final[WeakSet[Callable[..., Any]]] = WeakSet()  # what was guarded: whoever calls that itself passes no gate


def guard(gate: Gate, target: object) -> object:
    """Put a gate before whatever can be called.

    Raises:
        TypeError: it can't be guarded; the message says what to do instead.
    """
    if isinstance(target, classmethod):
        return classmethod(_guarded(gate, cast("classmethod[Any, ..., Any]", target).__func__))
    if isinstance(target, staticmethod):
        return staticmethod(_guarded(gate, cast("staticmethod[..., Any]", target).__func__))
    return _guarded(gate, cast("Callable[..., Any]", target))


def gates_of(function: object) -> tuple[Gate, ...]:
    """List the gates that a call of this passes, from the outermost in."""
    found: list[Gate] = []
    while function is not None:
        gate = getattr(function, "__dict__", {}).get(MARK)
        if gate is not None and gate not in found:
            found.append(gate)
        function = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
    return tuple(found)


def guarded_elsewhere(function: object) -> bool:
    """Say whether some gate stands before this, which a call of this itself doesn't pass."""
    return isinstance(function, FunctionType | functools.partial) and function in _inner


def _guarded(gate: Gate, function: Callable[..., Any]) -> Callable[..., Any]:
    if not _guardable(function):
        raise TypeError(f"requires_feature can't guard {shown(function)}: {_advice(function)}")
    guarded = _kind(gate, function)(gate, function)
    setattr(guarded, MARK, gate)
    _inner.update(_within(function))
    return guarded


def _within(function: object) -> Iterator[Callable[..., Any]]:
    """Give what is called behind a gate: a function, and what other decorators have wrapped in it."""
    while function is not None:
        if isinstance(bare := getattr(function, "__func__", function), FunctionType | functools.partial):
            yield bare
        function = getattr(function, "__wrapped__", None)


def _kind(gate: Gate, function: Callable[..., Any]) -> Callable[[Gate, Callable[..., Any]], Callable[..., Any]]:
    if inspect.iscoroutinefunction(function):
        return _guard_coroutine
    if inspect.isasyncgenfunction(function):
        return _guard_stream
    if inspect.iscoroutinefunction(gate.otherwise):
        raise TypeError("otherwise= is async and the guarded function is not: nobody would await what it returns")
    return _guard_call


def _guardable(target: object) -> bool:
    return isinstance(target, FunctionType | MethodType | BuiltinFunctionType | functools.partial)


def _advice(target: object) -> str:
    if isinstance(target, property):
        return "put @requires_feature below @property, on the function itself"
    if inspect.isclass(target):
        return "put it on the methods that need the feature"
    return "put it on the function itself, below whatever made this object of it"


def _guard_call(gate: Gate, function: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a function or a generator function: when it is called."""
    key, view_bound = gate.key, bound.get

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        view = view_bound()
        if view is not None:
            if view.live:  # as `Answers.admits` does it, without the call
                cache = view.cache
                try:
                    snapshot = cache.warm[view.stripe_customer_id]  # type: ignore[index]  # nobody is there as None
                except KeyError:
                    pass
                else:
                    if (
                        cache.tokens[snapshot.slot] == snapshot.token
                        and snapshot.began <= monotonic() < snapshot.deadline
                        and key in snapshot.features
                    ):
                        snapshot.visited = True
                        return function(*args, **kwargs) if kwargs else function(*args)
            elif key in view.pin and monotonic() < view.pinned_until:
                view.asked = True
                return function(*args, **kwargs) if kwargs else function(*args)
        asked = gate.asked(args, kwargs)
        if asked.admitted():
            return function(*args, **kwargs)
        decision = asked.core.run(asked.flow())
        return function(*args, **kwargs) if decision else gate.refuse(decision, args, kwargs)

    return guarded


def _guard_coroutine(gate: Gate, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Guard a coroutine function: when it is awaited."""
    key, view_bound = gate.key, bound.get

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        view = view_bound()
        if view is not None:
            if view.live:  # as `Answers.admits` does it, without the call
                cache = view.cache
                try:
                    snapshot = cache.warm[view.stripe_customer_id]  # type: ignore[index]  # nobody is there as None
                except KeyError:
                    pass
                else:
                    if (
                        cache.tokens[snapshot.slot] == snapshot.token
                        and snapshot.began <= monotonic() < snapshot.deadline
                        and key in snapshot.features
                    ):
                        snapshot.visited = True
                        return await function(*args, **kwargs)
            elif key in view.pin and monotonic() < view.pinned_until:
                view.asked = True
                return await function(*args, **kwargs)
        asked = await gate.aasked(args, kwargs)
        if asked.admitted() or (decision := await asked.core.arun(asked.flow())):
            return await function(*args, **kwargs)
        other = gate.refuse(decision, args, kwargs)
        return await other if inspect.isawaitable(other) else other

    return guarded


def _guard_stream(gate: Gate, function: Callable[..., Any]) -> Callable[..., Any]:
    """Guard an async generator function: when it is called if that takes no wait, else before its first step.

    A refusal at the call still finds a response to become; one at the first step may find that the headers are out.
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        asked = gate.asked(args, kwargs, lazy=True)
        early = None if asked.waits else glance(asked.flow())
        if early is None:
            return _GuardedStream(gate, asked, function, args, kwargs)
        return function(*args, **kwargs) if early else gate.refuse(early, args, kwargs)

    return guarded


class _GuardedStream(AsyncGenerator[Any, Any]):
    """An async generator that checks before its first step, and from then on is the guarded one."""

    def __init__(
        self,
        gate: Gate,
        asked: Asked,
        function: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        self._gate = gate
        self._asked = asked
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._stream: Any = None
        self._closed = False

    async def asend(self, value: Any, /) -> Any:  # noqa: ANN401 - a generator's own types
        if self._closed:
            raise StopAsyncIteration
        if self._stream is None:
            self._closed = True  # until it is open: a refusal is the end, as any error is of a generator
            self._stream = await self._opened()
            self._closed = False
        step = getattr(self._stream, "asend", None)  # `otherwise` may give a plain async iterator
        return await (step(value) if step else self._stream.__anext__())

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any:  # noqa: ANN401 - a generator's own types
        error = typ if isinstance(typ, BaseException) else val if isinstance(val, BaseException) else typ()
        if self._stream is None:  # thrown into a generator that never started
            self._closed = True
            raise error.with_traceback(tb)
        return await self._stream.athrow(error)

    async def aclose(self) -> None:
        self._closed = True
        if self._stream is not None and hasattr(self._stream, "aclose"):
            await self._stream.aclose()

    async def _opened(self) -> Any:  # noqa: ANN401 - a generator's own types
        asked = await settled(self._asked)
        decision = await asked.core.arun(asked.flow())
        if decision:
            return self._function(*self._args, **self._kwargs)
        return aiter(cast("Any", self._gate.refuse(decision, self._args, self._kwargs)))
