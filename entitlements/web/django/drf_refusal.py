"""A refusal as Django REST framework's own exception, for its handler and renderers."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, Any, cast

from rest_framework.exceptions import APIException, NotFound
from rest_framework.status import HTTP_401_UNAUTHORIZED, HTTP_404_NOT_FOUND

from entitlements.errors import EntitlementsUnavailable
from entitlements.web.django.answers import Problem
from entitlements.web.refusal import Request, is_hidden, refuse

if TYPE_CHECKING:
    from entitlements.terms import Terms
    from entitlements.web.refusal import Refusal

__all__ = ["FeatureRefused", "refused"]


class FeatureRefused(APIException):
    """What the framework answers a refusal with; its `detail` is the problem that RFC 9457 has a client told.

    Attributes:
        error: the refusal, with its decision.

    >>> def exception_handler(exc, context):  # an EXCEPTION_HANDLER of one's own
    ...     if isinstance(exc, FeatureRefused):
    ...         return Response({"upgrade": exc.error.decision.feature}, status=exc.status_code)
    """

    default_code = "feature_required"

    def __init__(self, error: Refusal, problem: Problem, status: int, auth_header: str | None) -> None:
        # Not by the base class's own, which would make strings of numbers and lists.
        self.error = error
        self.detail = cast("Any", problem)
        self.status_code = status
        self.auth_header = auth_header
        self.wait = max(ceil(error.retry_after or 1), 1) if isinstance(error, EntitlementsUnavailable) else None

    def get_codes(self) -> str:
        """Name the refusal in one word."""
        return self.default_code

    def get_full_details(self) -> Any:  # noqa: ANN401 - as the base class has it
        """Give the sentence and the word."""
        return {"message": str(self.error), "code": self.default_code}

    def __str__(self) -> str:
        return str(self.error)


def refused(error: Refusal, terms: Terms, *, auth_header: str | None = None) -> FeatureRefused:
    """Make what the framework renders. Where a header says how to sign in, it says 401, as the framework does then."""
    if is_hidden(error, terms):
        words = {"detail": str(NotFound.default_detail)}
        return FeatureRefused(error, Problem(error, words), HTTP_404_NOT_FOUND, None)
    members = json.loads(refuse(error, Request(), terms).body)
    status = HTTP_401_UNAUTHORIZED if auth_header else members["status"]
    return FeatureRefused(error, Problem(error, {**members, "status": status}), status, auth_header)
