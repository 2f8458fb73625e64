"""One Flask application's requests: viewed while they last, and refused in the application's own words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from flask import current_app, has_request_context, request, request_finished, session
from werkzeug.exceptions import NotFound, abort

from entitlements.bound import bind, bound_view
from entitlements.errors import EntitlementsError, NotConfigured
from entitlements.guard import guarded_elsewhere
from entitlements.resolver import core_of
from entitlements.web.lazy import LazyView
from entitlements.web.refusal import is_hidden, refusal_in
from entitlements.web.wsgi_exchange import WSGIExchange, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask
    from flask import Response as FlaskResponse
    from flask.typing import ResponseReturnValue
    from werkzeug.exceptions import HTTPException

    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response
    from entitlements.web.site import Site

__all__ = ["FlaskExchange", "flask_response"]

_VIEW: Final = "entitlements.view"
_MARK: Final = "entitlements.flask.request"
_HIDDEN: Final = "entitlements.flask.hidden"


class FlaskExchange:
    """One application with its terms: what stands around its requests, and what its refusals become."""

    def __init__(self, app: Flask, site: Site, customer: Callable[[], object]) -> None:
        self._app = app
        self._site = site
        self._customer = customer
        self._core = core_of(site.entitlements)
        self._exchanged = replace(site, handler=self._answer_late)
        self._serve = app.wsgi_app
        self._handle: Callable[..., ResponseReturnValue | HTTPException] = app.handle_user_exception
        app.before_request(_look_at_the_route)  # first, because Flask refuses this once a request was served
        request_finished.connect(_give_the_route_back, app)
        methods = cast("Any", app)  # Flask has both replaced like this; type checkers don't
        methods.wsgi_app = self.serve
        methods.handle_user_exception = self.handle

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be the WSGI application: bind a view around it, and around each step of its body."""
        mark = object()
        view = LazyView(self._core, partial(self._who_asks, mark))
        environ[_VIEW], environ[_MARK] = view, mark
        return WSGIExchange(self._exchanged, view, environ, start_response).run(self._serve)

    def handle(self, *args: Any) -> ResponseReturnValue | HTTPException:  # noqa: ANN401 - Flask's own, whatever precedes
        """Answer a refusal, and leave everything else to Flask.

        A handler registered for refusals wouldn't do: a blueprint's for every `Exception` goes before the application's
        for this very one.
        """
        error = refusal_in(args[-1])
        if error is None:
            return self._handle(*args)
        _keep_out_of_caches()
        return self._handle(*args[:-1], error) if self._has_handler_for(error) else self._answer(error)

    def _who_asks(self, mark: object) -> object:
        if not has_request_context() or request.environ.get(_MARK) is not mark:
            raise NotConfigured(
                "something was asked when its request was over, and nobody had found out by then who asks: "
                "make a streamed body within flask.stream_with_context"
            )
        return self._customer()

    def _has_handler_for(self, error: Refusal) -> bool:
        """Say whether the application, or this request's blueprint, has a handler for this of its own."""
        kinds = {kind for kind in type(error).__mro__ if issubclass(kind, EntitlementsError)}
        handlers = self._app.error_handler_spec
        return any(kinds.intersection(handlers[scope][None]) for scope in (*request.blueprints, None))

    def _answer(self, error: Refusal) -> ResponseReturnValue | HTTPException:
        own = self._site.handler and self._site.handler(error, request)
        if own is not None:
            return cast("ResponseReturnValue", own)
        if is_hidden(error, self._site.terms):
            return self._no_such_route()
        asked = request_of(request.environ)
        if asked.method == "HEAD":  # Flask leaves the body out by itself, and counts it before
            asked = replace(asked, method="GET")
        return flask_response(self._site.refuse(error, asked))

    def _answer_late(self, error: Refusal, environ: WSGIEnvironment) -> WSGIApplication:
        """Answer what was raised when the request was over, but nothing was sent yet: in a context like its own."""
        with bind(environ[_VIEW]), self._app.request_context(environ):
            return self._app.finalize_request(self._app.handle_user_exception(error))

    def _no_such_route(self) -> ResponseReturnValue | HTTPException:
        """Go on as if nothing had matched the URL: no blueprint may answer this in words of its own."""
        _vary_by_cookie()
        request.environ[_HIDDEN] = request.url_rule, request.view_args
        request.url_rule = request.view_args = None
        try:
            abort(404)
        except NotFound as error:
            request.routing_exception = error
            return self._app.handle_user_exception(error)


def _look_at_the_route() -> None:
    """Refuse to run what has its gate in the wrong place; let what isn't there look as what is hidden does."""
    if isinstance(request.routing_exception, NotFound):
        _keep_out_of_caches()
        _vary_by_cookie()
    elif guarded_elsewhere(current_app.view_functions.get(request.endpoint or "")):
        raise NotConfigured(
            f"the view function of {request.endpoint!r} is guarded only where its route doesn't lead: put "
            "@requires_feature below @app.route; if this route is to be open, give it a function of its own"
        )


def _give_the_route_back(*_: object, **__: object) -> None:
    """Once the response is made, let the blueprint tear down what it has set up."""
    hidden = request.environ.pop(_HIDDEN, None)
    if hidden is not None:
        request.url_rule, request.view_args = hidden


def _keep_out_of_caches() -> None:
    view = bound_view()
    if view is not None:
        view.asked = True


def _vary_by_cookie() -> None:
    """Use the session, as `customer` may have done: the header that follows would give away what is hidden."""
    session.get(_VIEW)


def flask_response(response: Response) -> FlaskResponse:
    return current_app.response_class(response.body, response.status, list(response.headers))
