"""Django REST framework: `HasFeature("exports")` among the permission classes, composed as any other is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from entitlements.decision import Reason
from entitlements.errors import EntitlementsUnavailable, FeatureRequired
from entitlements.extras import missing
from entitlements.gate import requires_feature
from entitlements.guard import MARK, gates_of
from entitlements.web.django.page import view_of

try:
    from rest_framework.permissions import BasePermission

    from entitlements.web.django.drf_composing import Composable, composable, explain
    from entitlements.web.django.drf_refusal import FeatureRefused, refused
except ImportError as error:
    raise missing("drf", error) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rest_framework.request import Request as APIRequest
    from rest_framework.views import APIView

    from entitlements.resolver import Entitlements
    from entitlements.web.django.page import PageView

__all__ = ["FeaturePermission", "FeatureRefused", "HasFeature"]


def HasFeature(  # noqa: N802, PLR0913 - it stands where classes stand; one argument for each thing a gate may be told
    *features: str,
    any_of: Sequence[str] | None = None,
    customer: Callable[[APIRequest, APIView], object] | None = None,
    entitlements: Entitlements | None = None,
    status: int | None = None,
    hide: bool | None = None,
    upgrade_url: str | None = None,
) -> type[FeaturePermission]:
    """Make a permission of what `requires_feature` takes: all the features that are named, or any of `any_of`.

    It composes with `&`, `|` and `~`. A no in the end is answered with 402 and what would unlock it, through the
    framework's own exceptions and renderers. When it can't be told, nothing opens: `HasFeature("exports") | IsStaff`
    lets staff in and answers 503 to others, and so does `~HasFeature("exports")`, which means "known to lack it". What
    is turned round by `~` and holds a gate, however deep, admits no one who isn't signed in.

    The user is the one that the framework has authenticated, by a token or in whatever way. EntitlementsMiddleware has
    to be there.

    Args:
        features: lookup keys, all of which are needed.
        any_of: lookup keys, one of which is enough; instead of `features`.
        customer: called with the request and the view, to find the customer; `None` means nobody is signed in.
        entitlements: the instance to ask.
        status: the status of a no, instead of 402.
        hide: answer a no as Django does where a path leads nowhere.
        upgrade_url: the page that sells this.

    Raises:
        TypeError: no key, or both kinds of keys.
        InvalidInput: a key that can't be one.
        InvalidSettings: a status, `hide` or `upgrade_url` that can't be right.

    >>> from rest_framework.permissions import IsAuthenticated
    >>> permission_classes = [IsAuthenticated & HasFeature("exports")]
    """
    decorate = requires_feature(
        *features,
        any_of=any_of,
        customer=customer,
        entitlements=entitlements,
        status=status,
        hide=hide,
        upgrade_url=upgrade_url,
    )
    admitted = decorate(_admitted)
    gate = gates_of(admitted)[0]
    body = {"ask": staticmethod(admitted), MARK: gate, "__module__": __name__}
    return cast("type[FeaturePermission]", composable(f'HasFeature("{gate.need}")', FeaturePermission, body))


def _admitted(request: APIRequest, view: APIView) -> bool:
    del request, view  # the gate before this has looked at them
    return True


class FeaturePermission(BasePermission, metaclass=Composable):
    """What every `HasFeature(...)` is a subclass of.

    Attributes:
        wanted: whether the feature is to be held, or known to be lacking.
        message: what the last refusal said.
        code: what the framework calls it.
    """

    wanted: ClassVar[bool] = True
    ask: ClassVar[Callable[..., bool]]
    message: str = ""
    code: str = "feature_required"

    def __init__(self, *misplaced: object) -> None:
        if misplaced:
            raise TypeError(
                f"{type(self).__name__} is a permission, not a decorator: write permission_classes = [...], or "
                "@permission_classes([...]) below @api_view"
            )

    def has_permission(self, request: APIRequest, view: APIView) -> bool:
        """Say whether the customer may; a no that stands in the end is then answered with what would unlock it.

        Raises:
            FeatureRefused: it can't be told, or nobody is signed in, of whom neither this nor its negation is true.
            NotConfigured: the middleware has not seen the request.
        """
        page = view_of(request._request)  # noqa: SLF001 - the framework documents no other way to Django's request
        page.follow()
        try:
            self.ask(request, view)
        except EntitlementsUnavailable as error:
            raise refused(error, page.project.terms) from error
        except FeatureRequired as error:
            if error.decision.reason is Reason.ANONYMOUS:
                raise _of_nobody(page, error, request, view) from error
            return self._lacks(page, error, view)
        if not self.wanted:
            self.message = f"This is for whoever lacks “{gates_of(self.ask)[0].need}”."
        return self.wanted

    def has_object_permission(self, request: APIRequest, view: APIView, obj: Any) -> bool:  # noqa: ANN401 - any object
        """Say the same of every object: a permission that was turned round by `~` is asked again for each."""
        del obj
        return self.has_permission(request, view)

    def refuse_nobody(self, request: APIRequest, view: APIView) -> None:
        """Go on only if somebody is signed in, whatever the feature.

        Raises:
            FeatureRefused: nobody is.
        """
        page = view_of(request._request)  # noqa: SLF001 - see `has_permission`
        page.follow()
        try:
            self.ask(request, view)
        except EntitlementsUnavailable:
            return
        except FeatureRequired as error:
            if error.decision.reason is Reason.ANONYMOUS:
                raise _of_nobody(page, error, request, view) from error

    def _lacks(self, page: PageView, error: FeatureRequired, view: APIView) -> bool:
        if not self.wanted:
            return True
        self.message = str(error)
        explain(view, refused(error, page.project.terms))
        return False


def _of_nobody(page: PageView, error: FeatureRequired, request: APIRequest, view: APIView) -> FeatureRefused:
    """Refuse nobody, and say how to sign in where the framework would."""
    header = None if request.successful_authenticator else view.get_authenticate_header(request)
    return refused(error, page.project.terms, auth_header=header)
