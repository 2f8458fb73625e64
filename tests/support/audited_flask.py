"""A Flask application with every mistake that an audit finds, and what is right beside it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask
from flask.views import MethodView

from entitlements import Entitlements, Offer, configure, requires_feature
from entitlements.catalog import Contents
from entitlements.sources.contract import Holding


class Source:
    """A source whose catalogue has two features."""

    def fetch(self, customer: str, deadline: object) -> Holding:
        del customer, deadline
        return Holding(frozenset())

    def catalog(self) -> Contents:
        return Contents.of({"exports": [Offer("prod_pro", "Pro")], "sso": []})


def create_app() -> Flask:
    """Make the application, and configure the instance that its gates ask."""
    configure(Entitlements(source=Source()))
    app = Flask("audited", static_folder=None)

    @app.get("/")
    def home() -> str:
        return ""

    @requires_feature("exports")
    @app.get("/above")
    def above() -> str:
        return ""

    @app.get("/right")
    @requires_feature("exports", "sso")
    def right() -> str:
        return ""

    @app.post("/misspelt")
    @requires_feature("export")
    def misspelt() -> str:
        return ""

    @app.get("/inner")
    @_noted
    @requires_feature(any_of=["exports", "sso"])
    def inner() -> str:
        return ""

    @requires_feature("exports")
    @app.get("/wrapped")
    @_noted
    def wrapped() -> str:
        return ""

    class Report(MethodView):
        def get(self) -> str:
            return ""

        @requires_feature("sso")
        def post(self) -> str:
            return ""

    class Decorated(MethodView):
        decorators = [requires_feature("exports")]  # noqa: RUF012 - as Flask has it

        def get(self) -> str:
            return ""

    app.add_url_rule("/report", view_func=Report.as_view("report"))
    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    app.register_blueprint(_gated(), url_prefix="/gated")
    return app


def _gated() -> Blueprint:
    blueprint = Blueprint("gated", __name__)

    @blueprint.before_request
    @requires_feature("sso")
    def admit() -> None: ...

    @blueprint.get("/page")
    def page() -> str:
        return ""

    del admit, page
    return blueprint


def _noted(view: Any) -> Any:
    """Wrap a view as a decorator of one's own does."""
    from functools import wraps

    @wraps(view)
    def noted(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return noted
