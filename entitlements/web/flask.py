"""Flask: a request's view for any application, its refusals as responses, and the webhook's blueprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from entitlements.bound import bound_view
from entitlements.errors import InvalidSettings, NotConfigured
from entitlements.extras import missing
from entitlements.gate import requires_feature
from entitlements.stripe.ids import shown
from entitlements.terms import Terms
from entitlements.web import webhook
from entitlements.web.site import Site, checked_instance

try:
    from flask import Blueprint, Flask, request
    from werkzeug.exceptions import RequestEntityTooLarge

    from entitlements.web.flask_exchange import FlaskExchange, flask_response
except ImportError as error:
    raise missing("flask", error) from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request
    from flask import Response as FlaskResponse
    from flask.typing import ResponseReturnValue

    from entitlements.customer import RequestView
    from entitlements.resolver import Entitlements
    from entitlements.web.refusal import Refusal

__all__ = ["FlaskEntitlements", "current_entitlements", "requires_feature", "webhook_blueprint"]

_NAME: Final = "entitlements"
_BODY: Final = "entitlements.flask.body"


def _current_view() -> RequestView:
    view = bound_view()
    if view is None:
        raise NotConfigured(
            "nothing says whose entitlements are meant: this was asked outside of a request, or the application "
            "has no FlaskEntitlements(app, ...)"
        )
    return view


class _Current:
    """Stand for the view that is bound when something is asked."""

    def __contains__(self, feature: object) -> bool:
        return feature in _current_view()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # tools that look at modules ask for such, and not about anybody
            raise AttributeError(f"{type(self).__name__} has no {name}", name=name, obj=self)
        return getattr(_current_view(), name)

    def __repr__(self) -> str:
        return "<the current request's entitlements>"


current_entitlements: Final = cast("RequestView", _Current())
"""The current request's view of its customer, as templates see it: `"exports" in current_entitlements`."""


class FlaskEntitlements:
    """Give every request of a Flask application a view of its customer, and turn refusals into responses.

    Within the application `requires_feature` needs no more than a lookup key, templates ask `entitlements`, and code
    asks `current_entitlements`. The customer is found at the first question, in the request's context, and nothing is
    fetched before. The view stays bound while a streamed body is made, and no longer. One object serves as many
    applications as it is given.

    A `FeatureRequired` or `EntitlementsUnavailable` raised before the first chunk of the body becomes the response,
    whatever catch-all handlers the application and its blueprints have; a handler that they register for one of these
    two, or for `EntitlementsError`, goes first. One raised later goes on to the server. A response that depends on an
    answer and says nothing of caches is kept out of them.

    Args:
        app: the application; without it, say `init_app(app)` later.
        entitlements: the instance to ask; without it, `init_app` needs one.
        customer: called without arguments, within the request's context; returns Stripe's id, an object with a
            `.stripe_customer_id`, or `None` when nobody is signed in. Take it from what the server knows, as
            Flask-Login's `current_user`, never from what the client sends.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402.
        hide: answer a no as if the route weren't there, in the application's own words for that. A gate that says
            otherwise goes first.
        handler: called with a refusal and the request; returns what a view function may, or `None` for the usual.

    Raises:
        InvalidSettings: one of these can't be right, or the application has its FlaskEntitlements already.

    >>> from entitlements import Entitlements
    >>> app = Flask("shop")
    >>> @app.get("/exports")
    ... @requires_feature("exports")
    ... def exports():
    ...     return "exported"
    >>> with Entitlements("sk_test_123") as ents:
    ...     gate = FlaskEntitlements(app, ents, customer=lambda: None)
    ...     app.test_client().get("/exports").json["title"]
    'Nobody is signed in'
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing an application may say
        self,
        app: Flask | None = None,
        entitlements: Entitlements | None = None,
        *,
        customer: Callable[[], object],
        upgrade_url: str | None = None,
        status: int | None = None,
        hide: bool | None = None,
        handler: Callable[[Refusal, Request], ResponseReturnValue | None] | None = None,
    ) -> None:
        self._entitlements = None if entitlements is None else checked_instance(entitlements)
        self._customer = customer
        self._terms = Terms(status, hide, upgrade_url)
        self._handler = handler
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, entitlements: Entitlements | None = None) -> None:
        """Attach this to an application, before its first request.

        Args:
            app: the application.
            entitlements: the instance that this application asks, instead of the one given before.

        Raises:
            InvalidSettings: there is no instance to ask, or the application has its FlaskEntitlements already.

        >>> from entitlements import Entitlements
        >>> gate = FlaskEntitlements(customer=lambda: "cus_123")
        >>> with Entitlements("sk_test_123") as ents:
        ...     gate.init_app(Flask("shop"), ents)
        """
        if not isinstance(app, Flask):
            raise InvalidSettings(f"app is {shown(app)}: give a Flask application")
        if _NAME in app.extensions:
            raise InvalidSettings(f"{shown(app)} has its FlaskEntitlements already: call init_app once for each")
        instance = checked_instance(self._entitlements if entitlements is None else entitlements)
        # In a request's context nothing need be handed over: `customer` takes no argument.
        site = Site(instance, cast("Callable[[Any], object]", self._customer), self._terms, self._handler)
        FlaskExchange(app, site, self._customer)
        app.extensions[_NAME] = self
        template_globals: Any = app.jinja_env.globals
        template_globals[_NAME] = current_entitlements


# --- the webhook -----------------------------------------------------------------------------------------------------


def webhook_blueprint(
    entitlements: Entitlements, *, rule: str = "/stripe/webhook", name: str = "entitlements_webhook"
) -> Blueprint:
    """Make the blueprint that takes Stripe's webhooks; register it where Stripe's dashboard says.

    It reads the raw body, at most 256 KiB of it whatever MAX_CONTENT_LENGTH says, before any `before_request` may parse
    a form of it, and makes no call to Stripe. Exempt it from CSRF protection and from login: its signature is both.

    Args:
        entitlements: the instance whose `webhook_secrets` verify what comes.
        rule: the path; the blueprint's `url_prefix` goes before it.
        name: the blueprint's own.

    Raises:
        InvalidSettings: `entitlements` is no instance.

    >>> from entitlements import Entitlements
    >>> app = Flask("shop")
    >>> with Entitlements("sk_test_123", webhook_secrets=["whsec_123"]) as ents:
    ...     app.register_blueprint(webhook_blueprint(ents))
    ...     app.test_client().post("/stripe/webhook", data="{}").json["title"]
    'Event refused'
    """
    checked_instance(entitlements)
    blueprint = Blueprint(name, __name__)

    @blueprint.url_value_preprocessor
    def read(*_: object) -> None:
        request.environ[_BODY] = _raw_body()

    @blueprint.post(rule, endpoint="deliver", strict_slashes=False)
    def deliver() -> FlaskResponse:
        body = request.environ.pop(_BODY)
        signature = request.environ.get("HTTP_STRIPE_SIGNATURE", "")
        encoding = request.environ.get("HTTP_CONTENT_ENCODING", "")
        return flask_response(webhook.answer(entitlements, "POST", body, signature, encoding))

    del read, deliver  # the blueprint has them
    return blueprint


def _raw_body() -> bytes:
    request.max_content_length = webhook.MOST_READ
    try:
        return request.get_data(parse_form_data=False)
    except RequestEntityTooLarge:
        return bytes(webhook.MOST_READ)  # enough to be answered with 413 in the usual form
