"""The audit finds every gate that does nothing and every key that doesn't exist, and nothing else."""

from __future__ import annotations

import audited_fastapi
import audited_flask
import pytest

from entitlements import InvalidInput, Offer, configure
from entitlements.audit import audit
from entitlements.catalog import Contents
from entitlements.web.wsgi import EntitlementsMiddleware

CATALOG = Contents.of({"exports": [Offer("prod_pro", "Pro")], "sso": []})
ABOVE = "the route leads past the gate: put @requires_feature below the route, next to def"


@pytest.fixture(name="app")
def _app():
    yield audited_flask.create_app()
    configure(None)


def told(found):
    return [(str(mistake.route), mistake.message) for mistake in found.mistakes]


def gates(found):
    return {str(route): [str(need) for need in route.gates] for route in found.routes}


def test_flask_s_mistakes_are_found_and_nothing_else_is(app):
    """Blueprints, their `before_request`, class views and wrapped views are read as Flask serves them."""
    found = audit(app, CATALOG)
    assert told(found) == [
        ("GET /above", ABOVE),
        ("POST /misspelt", "the catalogue has no feature “export”; did you mean “exports”?"),
        ("GET /wrapped", ABOVE),
    ]
    assert gates(found) == {
        "GET /": [],
        "GET /above": [],
        "GET /right": ["exports and sso"],
        "POST /misspelt": ["export"],
        "GET /inner": ["exports or sso"],
        "GET /wrapped": [],
        "GET /report": [],
        "POST /report": ["sso"],
        "GET /decorated": ["exports"],
        "GET /gated/page": ["sso"],
    }
    assert not found


def test_fastapi_s_and_starlette_s_mistakes_are_found_and_nothing_else_is():
    """Routers, dependencies, mounted applications, class endpoints and WebSockets are read as they are served."""
    found = audit(audited_fastapi.app, CATALOG)
    assert told(found) == [
        ("GET /above", ABOVE),
        ("PUT /admin/misspelt", "the catalogue has no feature “ssso”; did you mean “sso”?"),
        ("GET /mounted/bare", ABOVE),
    ]
    assert gates(found) == {
        "GET /": [],
        "GET /above": [],
        "GET /right": ["exports"],
        "GET /below": ["exports"],
        "PUT /admin/misspelt": ["sso", "ssso"],
        "GET /mounted/page": ["exports"],
        "GET /mounted/bare": [],
        "GET /mounted/class": [],
        "POST /mounted/class": ["sso"],
        "WEBSOCKET /mounted/live": ["exports"],
    }


def test_without_a_catalogue_no_key_is_called_unknown(app):
    """What isn't known isn't guessed."""
    assert [mistake.message for mistake in audit(app).mistakes] == [ABOVE, ABOVE]


def test_middleware_around_an_application_hides_nothing(app):
    """An application is found within what is wrapped around it."""
    ents = audited_flask.Entitlements(source=audited_flask.Source())
    with ents:
        wrapped = EntitlementsMiddleware(app, ents, customer=lambda environ: None)
        assert audit(wrapped, CATALOG) == audit(app, CATALOG)


@pytest.mark.parametrize("other", [None, 3, object(), lambda environ, start_response: []])
def test_what_is_no_application_is_refused(other):
    """Bad input names the value and the next step."""
    with pytest.raises(InvalidInput, match="no Flask, Starlette, FastAPI or Django application: name one"):
        audit(other)
