"""Errors in Stripe's envelope, with its words: clients match on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.emulator.store import Json

__all__ = [
    "ApiError",
    "invalid",
    "missing_parameter",
    "no_such",
    "not_expandable",
    "unknown_parameter",
    "unrecognized_url",
]


class ApiError(Exception):
    """An answer that refuses.

    Attributes:
        status: the HTTP status.
        body: Stripe's envelope, `{"error": {...}}`.

    >>> no_such("customer", "cus_x").body["error"]["message"]
    "No such customer: 'cus_x'"
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        doc_url = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}" if code else None
        members = {"code": code, "doc_url": doc_url, "message": message, "param": param, "type": kind}
        self.body: Json = {"error": {name: value for name, value in members.items() if value is not None}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Refuse a request that breaks a rule."""
    return ApiError(400, message, param=param, code=code)


def no_such(what: str, object_id: str, param: str = "id") -> ApiError:
    """Refuse an id that names nothing: 404 in the path, 400 in a parameter."""
    status = 404 if param == "id" else 400
    return ApiError(status, f"No such {what}: '{object_id}'", code="resource_missing", param=param)


def missing_parameter(name: str) -> ApiError:
    """Refuse a request that leaves out what it must say."""
    return invalid(f"Missing required param: {name}.", name, "parameter_missing")


def unknown_parameter(name: str) -> ApiError:
    """Refuse a parameter the endpoint doesn't have."""
    return invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")


def not_expandable(path: str, hint: str = "") -> ApiError:
    """Refuse to expand what is no reference."""
    return invalid(f"This property cannot be expanded ({path}).{hint}")


def unrecognized_url(method: str, path: str) -> ApiError:
    """Refuse a route that doesn't exist."""
    return ApiError(
        404,
        f"Unrecognized request URL ({method}: {path}). "
        "This emulator serves the part of Stripe's API that entitlements need; is the path or the method mistyped?",
    )
