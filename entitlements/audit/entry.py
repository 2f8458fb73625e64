"""What a framework's route table is read into: a path, and all that a request to it passes."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entitlements.guard import MARK, gates_of, guarded_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from entitlements.asked import Gate
    from entitlements.requirement import Requirement

__all__ = ["VERBS", "Entry", "Unseen", "by_methods", "name_of"]

VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something whose routes can't be listed."""

    path: str
    what: object


@dataclass(frozen=True, slots=True)
class Entry:
    """One way in.

    Attributes:
        path: with all prefixes.
        methods: in capitals.
        endpoint: what answers.
        before: what else a request passes on its way: wrappers, dependencies, permissions, from the outermost in.
    """

    path: str
    methods: Iterable[str]
    endpoint: object
    before: tuple[object, ...] = ()

    @property
    def gates(self) -> tuple[Requirement, ...]:
        """List what has to be held, each gate once."""
        marks = [mark for passed in (*self.before, self.endpoint) for mark in _marks(passed)]
        return tuple(dict.fromkeys(mark.need for mark in marks))

    @property
    def passed_by(self) -> bool:
        """Say whether there is a gate on the endpoint that a request doesn't come through."""
        chain = list(_unwrapped(self.endpoint))
        return not _marks(self.endpoint) and any(guarded_elsewhere(function) for function in chain)


def by_methods(view: type, entry: Entry) -> Iterator[Entry]:
    """Read a class of which each method answers one of HTTP's; the marks of the class count for each."""
    answered = [verb for verb in VERBS if callable(getattr(view, verb.lower(), None)) and verb in set(entry.methods)]
    for verb in answered:
        yield Entry(entry.path, (verb,), getattr(view, verb.lower()), (*entry.before, view))


def name_of(endpoint: object) -> str:
    """Name what answers, as it was written."""
    inner = list(_unwrapped(endpoint))[-1]
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{getattr(named, '__qualname__', '?')}".replace(".<locals>", "")


def _marks(passed: object) -> list[Gate]:
    """List the gates that something is, or is guarded by; a class or an object carries the same mark."""
    carried = getattr(passed, MARK, None)
    return list(dict.fromkeys([*gates_of(passed), *([] if carried is None else [carried])]))


def _unwrapped(endpoint: object) -> Iterator[object]:
    """Go from what is called to what was written."""
    seen: list[object] = []
    while endpoint is not None and endpoint not in seen:
        seen.append(endpoint)
        yield endpoint
        if isinstance(endpoint, functools.partial):
            endpoint = endpoint.func
        elif inspect.ismethod(endpoint):
            endpoint = endpoint.__func__
        else:
            endpoint = getattr(endpoint, "__wrapped__", None)
