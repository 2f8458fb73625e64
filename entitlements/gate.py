"""The gate: `requires_feature`, on any callable."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from entitlements import overridden
from entitlements.bound import bound_view, configured
from entitlements.cache.wait import glance
from entitlements.core import Core, identify
from entitlements.decision import Decision, Reason, enforced
from entitlements.errors import NotConfigured
from entitlements.requirement import Requirement
from entitlements.resolver import Entitlements, core_of
from entitlements.stripe.ids import feature_key, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Sequence
    from types import TracebackType

    from entitlements.cache.wait import Wait
    from entitlements.customer import RequestView

__all__ = ["requires_feature"]

F = TypeVar("F")


# --- the decorator ---------------------------------------------------------------------------------------------------


def requires_feature(
    *features: str,
    any_of: Sequence[str] | None = None,
    customer: Callable[..., object] | None = None,
    entitlements: Entitlements | None = None,
    otherwise: Callable[..., object] | None = None,
) -> Callable[[F], F]:
    """Let a function run only for a customer who has the features: all that are named, or any of `any_of`.

    It guards functions, coroutine functions, generators, async generators, methods, class methods and static methods;
    none of the body runs before the check is done. An async generator is checked when it is called if that takes no
    wait, and else before its first step.

    Who asks, and whom about: `entitlements=` and `customer=` if given; else the view that middleware has bound; else,
    for the instance, the one given to `entitlements.configure`.

    Args:
        features: lookup keys, all of which are needed.
        any_of: lookup keys, one of which is enough; instead of `features`, not beside them.
        customer: called with the function's own arguments, to find the customer; `None` means nobody is signed in. It
            may be async where the function is.
        entitlements: the instance to ask.
        otherwise: called instead of the function, with its arguments, when the answer is no and when it isn't known.

    Raises:
        TypeError: when decorating: no key, both kinds of keys, or something that can't be guarded.
        InvalidInput: when decorating: a key that can't be one.
        FeatureRequired: when called: the customer hasn't the features, or nobody is signed in.
        EntitlementsUnavailable: when called: it can't be told.
        NotConfigured: when called: nothing says which instance, or whose customer.

    >>> @requires_feature("exports", customer=lambda job: job.org)
    ... def export(job):
    ...     return f"{job.org} exported"
    """
    gate = _Gate(_requirement(features, any_of), customer, entitlements, otherwise)
    for name, call in (("customer", customer), ("otherwise", otherwise)):
        if call is not None and not callable(call):
            raise TypeError(f"requires_feature({name}={shown(call)}): give a function")
    if entitlements is not None and not isinstance(entitlements, Entitlements):
        raise TypeError(f"requires_feature(entitlements={shown(entitlements)}): give an Entitlements")
    return cast("Callable[[F], F]", functools.partial(_guard, gate))


def _requirement(features: tuple[str, ...], any_of: Sequence[str] | None) -> Requirement:
    if features and any_of is not None:
        raise TypeError("requires_feature takes either the keys that are all needed, or any_of=[...], not both")
    if isinstance(any_of, str):
        raise TypeError(f"any_of={any_of!r} is one string: give a list, as in any_of=[{any_of!r}]")
    keys = features if any_of is None else tuple(any_of)
    if not keys:
        raise TypeError('requires_feature needs at least one lookup key, as in @requires_feature("exports")')
    if callable(keys[0]):
        raise TypeError('requires_feature was used without a key: write @requires_feature("exports")')
    return Requirement(tuple(map(feature_key, keys)), any_of=any_of is not None)


def _guard(gate: _Gate, target: object) -> object:
    if isinstance(target, classmethod):
        return classmethod(_guarded(gate, cast("classmethod[Any, ..., Any]", target).__func__))
    if isinstance(target, staticmethod):
        return staticmethod(_guarded(gate, cast("staticmethod[..., Any]", target).__func__))
    return _guarded(gate, cast("Callable[..., Any]", target))


def _guarded(gate: _Gate, function: Callable[..., Any]) -> Callable[..., Any]:
    if not _guardable(function):
        raise TypeError(f"requires_feature can't guard {shown(function)}: {_advice(function)}")
    if inspect.iscoroutinefunction(function):
        return _guard_coroutine(gate, function)
    if inspect.isasyncgenfunction(function):
        return _guard_stream(gate, function)
    if inspect.iscoroutinefunction(gate.otherwise):
        raise TypeError("otherwise= is async and the guarded function is not: nobody would await what it returns")
    return _guard_call(gate, function)


def _guardable(target: object) -> bool:
    return isinstance(target, FunctionType | MethodType | BuiltinFunctionType | functools.partial)


def _advice(target: object) -> str:
    if isinstance(target, property):
        return "put @requires_feature below @property, on the function itself"
    if inspect.isclass(target):
        return "put it on the methods that need the feature"
    return "put it on the function itself, below whatever made this object of it"


def _guard_call(gate: _Gate, function: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a function or a generator function: when it is called."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        asked = gate.asked(args, kwargs)
        if asked.admitted():
            return function(*args, **kwargs)
        decision = asked.core.run(asked.flow())
        return function(*args, **kwargs) if decision else gate.refuse(decision, args, kwargs)

    return guarded


def _guard_coroutine(gate: _Gate, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        asked = await gate.aasked(args, kwargs)
        if asked.admitted() or (decision := await asked.core.arun(asked.flow())):
            return await function(*args, **kwargs)
        other = gate.refuse(decision, args, kwargs)
        return await other if inspect.isawaitable(other) else other

    return guarded


def _guard_stream(gate: _Gate, function: Callable[..., Any]) -> Callable[..., Any]:
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


# --- at the gate -----------------------------------------------------------------------------------------------------


class _Asked:
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
        if self.view is not None:
            return self.view.admits(self.need)
        return self.core.cache.admits(self.who, self.need)

    @property
    def waits(self) -> bool:
        """Say whether the customer must be awaited first."""
        return inspect.isawaitable(self.who)

    def flow(self) -> Generator[Wait, None, Decision]:
        if self.view is not None:
            return self.view.decide(self.need)
        return _anonymous(self.need) if self.who is None else self.core.decide(identify(self.who), self.need)


def _anonymous(need: Requirement) -> Generator[Wait, None, Decision]:
    yield from ()
    return Decision(need, Reason.ANONYMOUS)


@dataclass(frozen=True, slots=True)
class _Gate:
    """What one decorator was told."""

    need: Requirement
    customer: Callable[..., object] | None
    entitlements: Entitlements | None
    otherwise: Callable[..., object] | None

    def asked(self, args: tuple[object, ...], kwargs: dict[str, object], *, lazy: bool = False) -> _Asked:
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
            return _Asked(self.need, core, view.seen_by(core), None)
        who = self.customer(*args, **kwargs)
        if not lazy and inspect.isawaitable(who):
            if inspect.iscoroutine(who):
                who.close()
            raise TypeError("customer= is async and the guarded function is not: find the customer without awaiting")
        return _Asked(self.need, core, None, who)

    async def aasked(self, args: tuple[object, ...], kwargs: dict[str, object]) -> _Asked:
        """Settle who is asked about whom, awaiting an async `customer=`."""
        return await _settled(self.asked(args, kwargs, lazy=True))

    def refuse(self, decision: Decision, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Do otherwise, or raise."""
        return self.otherwise(*args, **kwargs) if self.otherwise else enforced(decision)

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


async def _settled(asked: _Asked) -> _Asked:
    if not asked.waits:
        return asked
    return _Asked(asked.need, asked.core, None, await cast("Awaitable[object]", asked.who))


class _GuardedStream(AsyncGenerator[Any, Any]):
    """An async generator that checks before its first step, and from then on is the guarded one."""

    def __init__(
        self,
        gate: _Gate,
        asked: _Asked,
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
        asked = await _settled(self._asked)
        decision = await asked.core.arun(asked.flow())
        if decision:
            return self._function(*self._args, **self._kwargs)
        return aiter(cast("Any", self._gate.refuse(decision, self._args, self._kwargs)))
