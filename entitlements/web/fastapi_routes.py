"""What FastAPI made of an application's routes: which gates a call of each passes, and which were lost on the way."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef, get_args, get_origin

from fastapi import FastAPI, params, routing
from fastapi.dependencies.utils import get_typed_signature

from entitlements.errors import NotConfigured
from entitlements.guard import MARK, gates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fastapi.dependencies.models import Dependant

    from entitlements.asked import Gate

__all__ = ["check", "gates_in", "served"]


def served(app: FastAPI) -> Iterable[Any]:
    """List an application's routes as they are served: with the prefix and dependencies of where they are included."""
    contexts: Callable[..., Iterable[object]] | None = getattr(routing, "iter_route_contexts", None)
    return app.routes if contexts is None else contexts(app.routes)  # FastAPI used to copy what it includes


def gates_in(dependant: Dependant) -> Iterator[Gate]:
    """List the gates that a call passes: dependencies, and decorators of the core's on whatever is called."""
    for each in _calls(dependant):
        gate: Gate | None = getattr(each.call, MARK, None)
        yield from gates_of(each.call) or (() if gate is None else (gate,))


def check(app: FastAPI) -> None:
    """Check that every gate which is written in an application's path operations stands before them.

    FastAPI takes an annotation that it can't resolve for a parameter of the query, and of several dependencies in one
    `Annotated` the last: what reads as gated would be open.

    Raises:
        NotConfigured: one doesn't; the message says where, and what to do.
    """
    for route in served(app):
        dependant: Dependant | None = getattr(route, "dependant", None)
        for each in () if dependant is None else _calls(dependant):
            if lost := next(_lost(each), None):
                raise NotConfigured(f"the gate at {route.path} is not in force: {lost}")
        mounted = getattr(route, "app", None)
        if isinstance(mounted, FastAPI):
            check(mounted)


def _calls(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield from _calls(each)
    yield dependant


def _lost(dependant: Dependant) -> Iterator[str]:
    """Say of each gate that a call's annotations hold and that FastAPI doesn't ask, why it doesn't."""
    if dependant.call is None or isinstance(getattr(dependant.call, "__signature__", None), inspect.Signature):
        return  # what brings its own signature has no annotations to be read wrongly
    standing = {each.name for each in dependant.dependencies if hasattr(each.call, MARK)}
    for name, parameter in get_typed_signature(dependant.call).parameters.items():
        if isinstance(parameter.annotation, ForwardRef):
            text = parameter.annotation.__forward_arg__  # whatever it is: an alias may well hold a gate
            yield (
                f'"{text}" of {name} can\'t be resolved, so FastAPI takes it for a parameter of the query: import '
                "its names where they can be found at run time, or use dependencies=[...]"
            )
        elif get_origin(parameter.annotation) is Annotated:
            said = [each for each in get_args(parameter.annotation) if isinstance(each, params.Depends)]
            gated = any(hasattr(each, MARK) for each in said)
            if gated and (len(said) > 1 or name not in standing):
                yield f"{name} has several dependencies, of which FastAPI takes the last: give each a parameter"
