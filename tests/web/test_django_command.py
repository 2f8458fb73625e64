"""`manage.py entitlements`: a table for a person, an exit status for a script."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import HttpResponse
from django.urls import path
from web_django import MIDDLEWARE, project
from web_shelf import Shelf

from entitlements import Entitlements
from entitlements.web.django import requires_feature


@requires_feature("exports")
def page(request):
    return HttpResponse("a page")


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def run(shelf):
    """Run the command; give its exit status and what it printed."""

    def run(*words, urls=(), **said):
        out, err = io.StringIO(), io.StringIO()
        with (
            Entitlements(source=shelf) as ents,
            project(list(urls), also={"MIDDLEWARE": [MIDDLEWARE]}, **{"INSTANCE": ents, **said}),
        ):
            try:
                call_command("entitlements", *words, stdout=out, stderr=err, no_color=True)
            except SystemExit as status:
                return status.code, out.getvalue() + err.getvalue()
            except CommandError as error:
                return error.returncode, str(error)
        return 0, out.getvalue() + err.getvalue()

    return run


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["cus_1", "exports"], 0),
        (["cus_2", "exports"], 1),
        (["cus_1", "exports", "sso"], 1),
        (["cus_1", "exports", "sso", "--any"], 0),
        (["cus_2", "exports", "sso", "--any"], 1),
        (["cus_1", "exports", "--fresh"], 0),
    ],
)
def test_the_exit_status_is_the_answer(run, words, status):
    """0 is yes and 1 is no, for all of several features or any of them."""
    assert run("check", *words)[0] == status


def test_not_knowing_is_neither(run, shelf):
    """2 says that it can't be told, or that something is wrong: neither is a no."""
    shelf.failing = True
    assert run("check", "cus_1", "exports")[0] == 2
    assert run("check", "cus_1", "exports", "--any")[0] == 2
    assert run("features", "cus_1")[0] == 2
    assert run("check", "", "exports")[0] == 2
    assert run("check", "cus_1", "exports", INSTANCE=None, API_KEY="pk_test_1")[0] == 2
    assert run("check", "cus_1", "exports", INSTANCE=lambda: 1 / 0) == (2, "ZeroDivisionError: division by zero")


def test_a_person_reads_a_table(run):
    """Each feature has its line: the answer, why, and what it rests on."""
    _, text = run("check", "cus_1", "exports", "sso")
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["feature", "answer", "reason", "source", "age", "unlocked", "by"]
    assert [line[:3] for line in lines[1:]] == [["exports", "yes", "entitled"], ["sso", "no", "not_entitled"]]


def test_what_a_customer_holds_is_listed(run):
    """`features` lists the lookup keys, one a line."""
    assert run("features", "cus_1") == (0, "exports\n")
    assert run("features", "cus_2") == (0, "")


def test_routes_are_audited(run):
    """`audit` lists what gates each route, and stops a pipeline at a gate that does nothing."""

    def open_to_all(request): ...

    gated_elsewhere = requires_feature("exports")(open_to_all)
    status, text = run("audit", urls=[path("page", page)])
    assert (status, text.splitlines()[1].split()[:3]) == (0, ["any", "/page", "exports"])
    status, text = run("audit", "--no-catalogue", urls=[path("page", open_to_all)])
    assert (status, "the route leads past the gate" in text) == (1, True)
    assert gated_elsewhere is not open_to_all


def test_the_command_asks_for_what_it_needs(run):
    """A command without a question, or without a feature, is refused as Django does, and not with a no."""
    for words in ([], ["check"], ["check", "cus_1"], ["features"]):
        assert run(*words)[0] != 0
