"""Reads Flask's route table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entitlements.audit.entry import Entry, by_methods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.audit.entry import Unseen

__all__ = ["entries"]

_GIVEN = {"HEAD", "OPTIONS"}  # Flask adds these to every route by itself


def entries(app: Any) -> Iterator[Entry | Unseen]:  # noqa: ANN401 - a Flask; its own types would have to be installed
    """List the rules of an application, those of its blueprints included."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None or rule.endpoint == "static" or rule.endpoint.endswith(".static"):
            continue
        entry = Entry(rule.rule, set[str](rule.methods or ()) - _GIVEN, view, tuple(_before(app, rule.endpoint)))
        view_class = getattr(view, "view_class", None)
        if view_class is not None:
            yield from _of_class(view_class, view, entry)
        else:
            yield entry


def _before(app: Any, endpoint: str) -> Iterator[object]:  # noqa: ANN401 - see above
    """List what runs before a view: for all of the application, and for the blueprints that the view is in."""
    names = endpoint.split(".")[:-1]
    for blueprint in (None, *(".".join(names[:depth]) for depth in range(1, len(names) + 1))):
        yield from app.before_request_funcs.get(blueprint, ())


def _of_class(view_class: Any, view: object, entry: Entry) -> Iterator[Entry]:  # noqa: ANN401 - a View of any kind
    """Read a class of views: `decorators` are around the view, a MethodView's own gates on its methods."""
    before = (*entry.before, view)
    methods = list(by_methods(view_class, Entry(entry.path, entry.methods, view_class, before)))
    yield from methods or [Entry(entry.path, entry.methods, view_class.dispatch_request, before)]
