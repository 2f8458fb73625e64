"""Flask applications for the tests: one of each kind of view.

app = shop_app(shop, endpoints, upgrade_url="/pricing")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, request, stream_with_context
from flask.views import MethodView, View

from entitlements.web.flask import FlaskEntitlements, requires_feature, webhook_blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.testing.gate_contract import Endpoint, Shop

__all__ = ["KINDS", "shop_app"]


def shop_app(shop: Shop, endpoints: list[Endpoint], **application: Any) -> Flask:
    """Make an application with these endpoints, each of its own kind, and the webhook."""
    app = Flask("shop")
    for endpoint in endpoints:
        KINDS[endpoint.kind](app, endpoint)
    app.register_blueprint(webhook_blueprint(shop.ents))
    FlaskEntitlements(app, shop.ents, customer=lambda: shop.customer(request.headers.get("X-Who")), **application)
    return app


def _gate(endpoint: Endpoint) -> Callable[[Any], Any]:
    return requires_feature(*endpoint.features, **endpoint.options)


def _route(app: Flask, endpoint: Endpoint, view: Callable[..., Any]) -> None:
    app.add_url_rule(endpoint.path, endpoint.path, view, methods=endpoint.methods)


def _function(app: Flask, endpoint: Endpoint) -> None:
    @app.route(endpoint.path, endpoint=endpoint.path, methods=endpoint.methods)
    @_gate(endpoint)
    def view() -> str:
        return endpoint.run()


def _coroutine(app: Flask, endpoint: Endpoint) -> None:
    @app.route(endpoint.path, endpoint=endpoint.path, methods=endpoint.methods)
    @_gate(endpoint)
    async def view() -> str:
        return endpoint.run()


def _methods(app: Flask, endpoint: Endpoint) -> None:
    class Page(MethodView):
        @_gate(endpoint)
        def get(self) -> str:
            return endpoint.run()

        post = put = patch = delete = get

    _route(app, endpoint, Page.as_view(endpoint.path))


def _async_methods(app: Flask, endpoint: Endpoint) -> None:
    class Page(MethodView):
        @_gate(endpoint)
        async def get(self) -> str:
            return endpoint.run()

        post = put = patch = delete = get

    _route(app, endpoint, Page.as_view(endpoint.path))


def _decorated_class(app: Flask, endpoint: Endpoint) -> None:
    class Page(View):
        decorators = [_gate(endpoint)]  # noqa: RUF012 - as Flask's users write it

        def dispatch_request(self) -> str:
            return endpoint.run()

    _route(app, endpoint, Page.as_view(endpoint.path))


def _in_blueprint(app: Flask, endpoint: Endpoint) -> None:
    """Stand in a blueprint that answers every error in its own way."""
    blueprint = Blueprint(endpoint.path.replace("/", "-"), "shop")
    blueprint.add_url_rule(endpoint.path, "page", _gate(endpoint)(endpoint.run), methods=endpoint.methods)
    blueprint.register_error_handler(Exception, lambda error: ("something went wrong here", 500))
    blueprint.register_error_handler(404, lambda error: ("not in this blueprint", 404))
    blueprint.after_request(_sign)
    app.register_blueprint(blueprint)


def _sign(response: Response) -> Response:
    response.headers["X-Made-In"] = "a blueprint"
    return response


def _before_a_blueprint(app: Flask, endpoint: Endpoint) -> None:
    """Guard a whole blueprint at its door."""
    blueprint = Blueprint(endpoint.path.replace("/", "-"), "shop")
    blueprint.before_request(_gate(endpoint)(lambda: None))
    blueprint.add_url_rule(endpoint.path, "page", endpoint.run, methods=endpoint.methods)
    app.register_blueprint(blueprint)


def _stream(app: Flask, endpoint: Endpoint) -> None:
    @app.route(endpoint.path, endpoint=endpoint.path, methods=endpoint.methods)
    @_gate(endpoint)
    def view() -> Response:
        return Response(endpoint.steps())


def _stream_with_context(app: Flask, endpoint: Endpoint) -> None:
    @app.route(endpoint.path, endpoint=endpoint.path, methods=endpoint.methods)
    @_gate(endpoint)
    def view() -> Response:
        return Response(stream_with_context(endpoint.steps()))


KINDS: dict[str, Callable[[Flask, Endpoint], None]] = {
    "def": _function,
    "async def": _coroutine,
    "MethodView": _methods,
    "async MethodView": _async_methods,
    "decorators": _decorated_class,
    "blueprint": _in_blueprint,
    "before_request": _before_a_blueprint,
    "stream": _stream,
    "stream_with_context": _stream_with_context,
}
