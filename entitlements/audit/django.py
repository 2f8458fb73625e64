"""Reads Django's URL patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entitlements.audit.entry import VERBS, Entry, by_methods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.audit.entry import Unseen

__all__ = ["entries"]


def entries(app: object) -> Iterator[Entry | Unseen]:
    """List the URL patterns of the project whose settings are in force."""
    del app  # a project has one URL configuration, whoever serves it
    from django.urls import get_resolver  # noqa: PLC0415 - for whoever audits a Django project

    yield from _below(get_resolver(), "/")


def _below(resolver: Any, prefix: str) -> Iterator[Entry | Unseen]:  # noqa: ANN401 - a URLResolver
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _below(pattern, path)
        else:
            yield from _of_view(pattern.callback, path)


def _of_view(view: Any, path: str) -> Iterator[Entry]:  # noqa: ANN401 - whatever Django calls
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if view_class is None:
        yield Entry(path, (), view)
        return
    before = (view, *_permissions(view_class, getattr(view, "initkwargs", None) or {}))
    actions = getattr(view, "actions", None)
    if actions:  # a view set's: each method of HTTP has an action of another name
        for verb, action in actions.items():
            yield Entry(path, (verb.upper(),), getattr(view_class, action), (*before, view_class))
        return
    methods = [entry for entry in by_methods(view_class, Entry(path, VERBS, view_class, before)) if _own(entry)]
    yield from methods or [Entry(path, (), view_class, before)]


def _own(entry: Entry) -> bool:
    """Leave out what Django answers by itself."""
    return "OPTIONS" not in tuple(entry.methods)


def _permissions(view_class: Any, said: dict[str, Any]) -> Iterator[object]:  # noqa: ANN401 - a REST framework's, or any
    """List the permissions of a REST framework's view; those that are combined stand for both.

    What `as_view(...)` or an `@action(...)` was given goes before the class's own.
    """
    waiting = list(said.get("permission_classes", getattr(view_class, "permission_classes", None)) or ())
    while waiting:
        permission = waiting.pop(0)
        yield permission
        waiting += [
            part for name in ("op1_class", "op2_class") if (part := getattr(permission, name, None)) is not None
        ]
