"""What OpenAPI says of gated operations: the answers that a gate may give in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entitlements.terms import Terms
from entitlements.web.fastapi_routes import gates_in, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant

    from entitlements.asked import Gate

__all__ = ["document"]

_PROBLEM: Final = "application/problem+json"
_PAYMENT_REQUIRED: Final = 402
_OURS: Final = Terms()


def document(app: FastAPI, application: Terms) -> None:
    """Let an application's OpenAPI show what its gates answer, unless an operation's own `responses=` say it.

    FastAPI takes no responses from dependencies; changing what `app.openapi()` gives is the way that it documents.
    """
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        for operation, gates in _gated_operations(app, schema):
            _show(operation, gates, application)
            schema.setdefault("components", {}).setdefault("schemas", {}).update(_SCHEMAS)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _gated_operations(app: FastAPI, schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[Gate]]]:
    for route in served(app):
        dependant: Dependant | None = getattr(route, "dependant", None)
        gates = [] if dependant is None else list(gates_in(dependant))
        paths: dict[object, dict[str, dict[str, Any]]] = schema["paths"]
        operations = paths.get(getattr(route, "path_format", None), {})
        for method in (getattr(route, "methods", None) or ()) if gates else ():
            if method.lower() in operations:
                yield operations[method.lower()], gates


def _show(operation: dict[str, Any], gates: Iterable[Gate], application: Terms) -> None:
    responses = operation.setdefault("responses", {})
    for gate in gates:
        terms = (gate.terms or _OURS).within(application)
        if not terms.hide:  # what is hidden isn't shown
            responses.setdefault(str(terms.status or _PAYMENT_REQUIRED), _FEATURE_REQUIRED)
    responses.setdefault("403", _ANONYMOUS)
    responses.setdefault("503", _UNAVAILABLE)


# --- what the bodies hold --------------------------------------------------------------------------------------------


def _answer(description: str, schema: str, **more: object) -> dict[str, object]:
    content = {_PROBLEM: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content, **more}


def _body(title: str, reasons: list[str], **more: object) -> dict[str, object]:
    properties: dict[str, object] = {
        "type": {"type": "string", "title": "What kind of problem this is"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "title": "One sentence for a person"},
        "feature": {"type": "string", "title": "What was asked for"},
        "features": {"type": "array", "items": {"type": "string"}, "title": "The same, where it is several"},
        "reason": {"type": "string", "enum": reasons},
    }
    always = ["type", "title", "status", "detail", *more.keys() & {"unlock_with"}]
    return {"type": "object", "title": title, "properties": {**properties, **more}, "required": always}


_OFFER: Final = {
    "type": "object",
    "title": "A product that has what is missing",
    "properties": {"product": {"type": "string"}, "name": {"type": "string"}},
    "required": ["product", "name"],
}
_SCHEMAS: Final = {
    "EntitlementsFeatureRequired": _body(
        "EntitlementsFeatureRequired",
        ["not_entitled", "no_customer"],
        unlock_with={"type": "array", "items": _OFFER, "title": "What would unlock it"},
        upgrade_url={"type": "string", "title": "The page that sells it"},
    ),
    "EntitlementsAnonymous": _body("EntitlementsAnonymous", ["anonymous"]),
    "EntitlementsUnavailable": _body("EntitlementsUnavailable", ["unavailable"]),
}
_FEATURE_REQUIRED: Final = _answer("The current plan doesn't include it", "EntitlementsFeatureRequired")
_ANONYMOUS: Final = _answer("Nobody is signed in", "EntitlementsAnonymous")
_UNAVAILABLE: Final = _answer(
    "The plan could not be confirmed just now",
    "EntitlementsUnavailable",
    headers={"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds after which to try again"}},
)
