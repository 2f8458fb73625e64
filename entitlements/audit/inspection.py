"""Inspection: reads an application's route table, and says what gates each route and what is wrong with that."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from entitlements.audit.entry import Entry, Unseen, name_of
from entitlements.audit.findings import Audit, Mistake, Route
from entitlements.errors import InvalidInput
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.catalog import Contents

__all__ = ["audit"]

_READERS: Final = {"flask": "flask", "starlette": "starlette", "fastapi": "starlette", "django": "django"}
_WRAPPED: Final = ("app", "_app", "application", "wsgi_app", "asgi_app")  # where middleware keeps what it wraps
_DEEPEST: Final = 50
_PASSED_BY: Final = "the route leads past the gate: put @requires_feature below the route, next to def"


class _Reader(Protocol):
    def entries(self, app: object) -> Iterator[Entry | Unseen]: ...


def audit(app: object, catalog: Contents | None = None) -> Audit:
    """List an application's routes with what gates them, and the gates that don't do what was meant.

    Args:
        app: a Flask, Starlette, FastAPI or Django application; middleware may be wrapped around it.
        catalog: what features there are; without it, no lookup key is called unknown.

    Raises:
        InvalidInput: this is no application of a framework that is known here.

    >>> from flask import Flask
    >>> from entitlements import requires_feature
    >>> app = Flask("shop", static_folder=None)
    >>> @requires_feature("exports")
    ... @app.get("/report")
    ... def report(): ...
    >>> for mistake in audit(app).mistakes:
    ...     print(mistake.route, "-", mistake.message)
    GET /report - the route leads past the gate: put @requires_feature below the route, next to def
    """
    routes: list[Route] = []
    mistakes: list[Mistake] = []
    unseen: list[str] = []
    for entry in _reader(app).entries(_bare(app)):
        if isinstance(entry, Unseen):
            unseen.append(f"{entry.path} ({name_of(entry.what)})")
            continue
        route = Route(entry.path, tuple(sorted(entry.methods)), name_of(entry.endpoint), entry.gates)
        routes.append(route)
        mistakes += [Mistake(route, message) for message in _wrong(entry, route, catalog)]
    return Audit(tuple(routes), tuple(mistakes), tuple(unseen))


def _wrong(entry: Entry, route: Route, catalog: Contents | None) -> Iterator[str]:
    if entry.passed_by:
        yield _PASSED_BY
    if catalog is None:
        return
    for need in route.gates:
        for key in need.missing_from(catalog.keys):
            nearest = catalog.nearest(key)
            yield f"the catalogue has no feature “{key}”" + (f"; did you mean “{nearest}”?" if nearest else "")


def _reader(app: object) -> _Reader:
    bare = _bare(app)
    framework = _framework(bare)
    if framework is None:
        raise InvalidInput(
            f"{shown(app)} is no Flask, Starlette, FastAPI or Django application: name one, as in myapp.main:app"
        )
    return cast("_Reader", import_module(f"entitlements.audit.{_READERS[framework]}"))


def _bare(app: object) -> object:
    """Take off the middleware that is wrapped around an application."""
    for _ in range(_DEEPEST):
        if _framework(app) is not None:
            break
        inner = next((held for name in _WRAPPED if (held := getattr(app, name, None)) is not None), None)
        if inner is None:
            break
        app = inner
    return app


def _framework(app: object) -> str | None:
    """Say which framework an application is of, by the classes that it comes from; nothing is imported for that."""
    known = [base.__module__.partition(".")[0] for base in type(app).__mro__ if base.__name__ in _APPLICATIONS]
    return next((name for name in known if name in _READERS), None)


_APPLICATIONS: Final = {"Flask", "Starlette", "FastAPI", "Router", "WSGIHandler", "ASGIHandler"}
