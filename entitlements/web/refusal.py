"""A refusal as an HTTP response: what is missing and what unlocks it, or that it can't be told (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from entitlements.decision import Reason
from entitlements.errors import EntitlementsUnavailable, FeatureRequired
from entitlements.terms import Terms
from entitlements.web.accept import prefers_html
from entitlements.web.response import Response, problem
from entitlements.web.upgrade import local_target, upgrade_link

if TYPE_CHECKING:
    from entitlements.decision import Decision

__all__ = ["REFUSALS", "Refusal", "Request", "is_hidden", "refusal_in", "refuse", "retry_after", "sentence"]

Refusal: TypeAlias = FeatureRequired | EntitlementsUnavailable
REFUSALS: Final = (FeatureRequired, EntitlementsUnavailable)

_VARY: Final = {"Vary": "Accept"}
_LONGEST_WAIT: Final = 3_600
_PAYMENT_REQUIRED: Final = 402
_OURS: Final = Terms()


@dataclass(frozen=True, slots=True)
class Request:
    """What a refusal's form depends on.

    Attributes:
        method: in capitals.
        accept: the Accept header; several of them joined by commas.
        path: decoded, with the prefix under which the application is mounted.
        query: as it came, without the question mark.
    """

    method: str = "GET"
    accept: str = ""
    path: str = "/"
    query: str = ""

    @property
    def wants_page(self) -> bool:
        """Say whether a person's browser is asking."""
        return prefers_html(self.accept)

    @property
    def navigates(self) -> bool:
        """Say whether a person's browser is on its way to a page, and may be sent to another."""
        return self.method in {"GET", "HEAD"} and self.wants_page


def refuse(error: Refusal, request: Request, application: Terms = _OURS) -> Response:
    """Turn a refusal into the response that says it.

    A no is 402 with what would unlock the feature, or 303 to the upgrade page for a browser that opens a page; 403 when
    nobody is signed in; and 503 when it can't be told, which is never an invitation to buy. No customer is named. The
    terms of the gate that refused go before those of the application.

    >>> from entitlements import Decision, FeatureRequired, Offer, Reason
    >>> from entitlements.requirement import Requirement
    >>> no = Decision(Requirement(("exports",)), Reason.NOT_ENTITLED, "cus_1", unlock_with=(Offer("prod_1", "Pro"),))
    >>> print(refuse(FeatureRequired(no), Request()).body.decode())
    {"type": "urn:entitlements:feature-required", "title": "Plan upgrade required", "status": 402, \
"detail": "“exports” is part of Pro.", "feature": "exports", "reason": "not_entitled", \
"unlock_with": [{"product": "prod_1", "name": "Pro"}]}
    """
    return _response(error, request, application).answering(request.method)


def is_hidden(error: Refusal, application: Terms = _OURS) -> bool:
    """Say whether a refusal is to look as if there were nothing: a framework then answers in its own words for that."""
    return isinstance(error, FeatureRequired) and _is_no(error.decision) and _terms(error, application).hide is True


def refusal_in(raised: BaseException) -> Refusal | None:
    """Find the refusal that was raised: by itself, or by tasks of a group that raised nothing else."""
    if isinstance(raised, BaseExceptionGroup):
        leaves = [refusal_in(each) for each in cast("BaseExceptionGroup[BaseException]", raised).exceptions]
        return None if None in leaves else leaves[0]
    return raised if isinstance(raised, REFUSALS) else None


def sentence(error: Refusal) -> str:
    """Say a refusal to a person; what went wrong inside isn't for them."""
    if error.decision is None:
        return "We could not confirm your plan just now. Please try again."
    return error.decision.sentence


def retry_after(seconds: float | None) -> dict[str, str]:
    """Say when to come back: whole seconds, from 1 to an hour."""
    if seconds is None or not seconds > 1:  # not above 1, or not a number
        return {"Retry-After": "1"}
    return {"Retry-After": str(ceil(min(seconds, _LONGEST_WAIT)))}


def _response(error: Refusal, request: Request, application: Terms) -> Response:
    if isinstance(error, EntitlementsUnavailable):
        return _cannot_tell(error, request)
    decision = error.decision
    if decision.unavailable:  # whatever it was raised as, not knowing is not a no
        return _cannot_tell(EntitlementsUnavailable(decision), request)
    if decision.reason is Reason.ANONYMOUS:
        return _anonymous(decision)
    terms = _terms(error, application)
    if terms.hide:
        return problem({"type": "about:blank", "title": "Not Found", "status": 404})
    if terms.upgrade_url and request.navigates:
        return _redirect(decision, request, terms.upgrade_url)
    return _upgrade(decision, terms.status or _PAYMENT_REQUIRED, terms.upgrade_url)


def _terms(error: FeatureRequired, application: Terms) -> Terms:
    return application if error.terms is None else error.terms.within(application)


def _is_no(decision: Decision) -> bool:
    return not decision.unavailable and decision.reason is not Reason.ANONYMOUS


def _upgrade(decision: Decision, status: int, upgrade_url: str | None) -> Response:
    members = _members("urn:entitlements:feature-required", "Plan upgrade required", status, decision)
    members["unlock_with"] = [{"product": offer.product, "name": offer.name} for offer in decision.unlock_with]
    if upgrade_url:
        members["upgrade_url"] = upgrade_link(upgrade_url, decision.requirement.features)
    return problem(members, _VARY)


def _redirect(decision: Decision, request: Request, upgrade_url: str) -> Response:
    features = decision.requirement.features
    location = upgrade_link(upgrade_url, features, back_to=local_target(request.path, request.query))
    return Response.of(303, "text/plain; charset=utf-8", f"{decision.sentence}\n", {"Location": location, **_VARY})


def _anonymous(decision: Decision) -> Response:
    return problem(_members("urn:entitlements:anonymous", "Nobody is signed in", 403, decision), _VARY)


def _cannot_tell(error: EntitlementsUnavailable, request: Request) -> Response:
    headers = {**retry_after(error.retry_after), **_VARY}
    if request.wants_page:
        page = _PAGE.format(title=_UNCONFIRMED, sentence=escape(sentence(error)))
        return Response.of(503, "text/html; charset=utf-8", page, headers)
    if error.decision is not None:
        return problem(_members(_UNAVAILABLE, _UNCONFIRMED, 503, error.decision), headers)
    members = {"type": _UNAVAILABLE, "title": _UNCONFIRMED, "status": 503, "detail": sentence(error)}
    return problem(members, headers)


def _members(kind: str, title: str, status: int, decision: Decision) -> dict[str, object]:
    features = decision.requirement.features
    members: dict[str, object] = {"type": kind, "title": title, "status": status, "detail": decision.sentence}
    members["feature"] = decision.feature
    if len(features) > 1:
        members["features"] = list(features)
    return {**members, "reason": str(decision.reason)}


_UNCONFIRMED: Final = "We could not confirm your plan"
_UNAVAILABLE: Final = "urn:entitlements:unavailable"
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<p>{sentence}</p>
</html>
"""
