"""`entitlements audit`: a table for a person, data for a pipeline, and an exit status for both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent.parent / "support"


def run(*arguments, **environ):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    return subprocess.run(
        [sys.executable, "-m", "entitlements", "audit", *arguments],
        cwd=SUPPORT,
        env={**bare, "COLUMNS": "200", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_a_pipeline_stops_at_a_mistake():
    """Exit status 1, and each mistake in a line of its own, with what to do; the catalogue is the application's own."""
    done = run("audited_flask:create_app", "--factory")
    assert (done.returncode, done.stderr) == (1, "")
    *_, first, second, third, last = done.stdout.splitlines()
    advice = "the route leads past the gate: put @requires_feature below the route, next to def"
    assert first == f"mistake  GET /above: {advice}"
    assert second == "mistake  POST /misspelt: the catalogue has no feature “export”; did you mean “exports”?"
    assert third == f"mistake  GET /wrapped: {advice}"
    assert last == "10 routes, 6 gated, 3 mistakes"


def test_a_table_shows_what_gates_each_route():
    """One line a route: methods, path, what a request has to hold, and what answers it."""
    done = run("audited_flask:create_app", "--factory", "--no-catalog")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert ["GET", "/right", "exports and sso", "audited_flask.create_app.right"] in rows
    assert ["GET", "/report", "nothing", "audited_flask.create_app.Report.get"] in rows
    assert len(rows) == 10


def test_data_for_a_pipeline():
    """`--json` prints the same as data."""
    done = run("audited_fastapi:app", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, list(found)) == (1, ["routes", "mistakes", "unseen"])
    assert [mistake["route"] for mistake in found["mistakes"]] == ["GET /above", "GET /mounted/bare"]
    assert {
        "path": "/right",
        "methods": ["GET"],
        "endpoint": "audited_fastapi.right",
        "gates": ["exports"],
    } in found["routes"]


def test_django_s_mistakes_are_found_and_nothing_else_is():
    """Included patterns, class views, mixins, view sets and permissions are read as Django serves them."""
    found = json.loads(run("audited_django:application", "--json", "--no-catalog").stdout)
    assert [(each["route"], each["message"].partition(":")[0]) for each in found["mistakes"]] == [
        ("any /bare/", "the route leads past the gate")
    ]
    gates = {f"{'|'.join(route['methods'])} {route['path']}": route["gates"] for route in found["routes"]}
    assert gates == {
        " /": [],
        " /gated/": ["exports"],
        " /bare/": [],
        " /in/misspelt/": ["export"],
        "GET /in/reports/<int:year>/": [],
        "POST /in/reports/<int:year>/": ["sso"],
        "GET /in/dispatched/": ["exports"],
        "GET /in/mixed/": ["exports and sso"],
        "GET /in/rows/": ["sso"],
        "GET /in/api/": ["exports"],
    }


def test_an_application_without_a_mistake_exits_with_0():
    """Nothing to find is success; where no catalogue can be asked, that is said."""
    done = run("audited_fastapi:admin")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "1 routes, 1 gated, 0 mistakes"
    said = "lookup keys are not checked: the application configures no instance, and STRIPE_API_KEY is not set"
    assert done.stderr == f"entitlements: {said}\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("audited_flask", "doesn't say where the application is: write module:name, as in myapp.main:app"),
        ("nowhere:app", "nowhere:app can't be loaded: No module named 'nowhere'"),
        ("audited_flask:app", "audited_flask:app can't be loaded: module 'audited_flask' has no attribute 'app'"),
        ("audited_flask:ABOUT", "can't be loaded: module 'audited_flask' has no attribute 'ABOUT'"),
    ],
)
def test_what_can_t_be_audited_is_said_in_a_line(name, why):
    """Exit status 2, no traceback, and the next step."""
    done = run(name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert why in done.stderr


def test_what_is_no_application_is_said_in_a_line():
    """A name that leads to something else says what to name instead."""
    done = run("audited_flask:Source", "--no-catalog")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no Flask, Starlette, FastAPI or Django application: name one, as in myapp.main:app" in done.stderr
