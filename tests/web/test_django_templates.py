"""Django's templates: `{% feature %}` with its branches, and `"exports" in entitlements`."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.template import Context, Engine, TemplateSyntaxError
from django.template.response import TemplateResponse
from django.urls import path
from web_django import MIDDLEWARE, exchange_with, project
from web_shelf import Shelf

from entitlements import Entitlements, InvalidInput, NotConfigured, Pinned
from entitlements.testing import Ask

ENGINE = Engine(libraries={"entitlements": "entitlements.web.django.templatetags.entitlements"})
BRANCHES = (
    "{{% load entitlements %}}{{% feature {} %}}yes{{% otherwise %}}no{{% unavailable %}}unknown{{% endfeature %}}"
)
HELD = Pinned({"exports", "team"})
UNKNOWN = Pinned({"exports"}, unavailable=True)
PAGES = {
    "tag": BRANCHES.format('"exports"'),
    "if": '{% if "exports" in entitlements %}yes{% elif entitlements.unavailable %}unknown{% else %}no{% endif %}',
    "many": '{% for _ in "12345678901234567890" %}{% if "exports" in entitlements %}y{% endif %}{% endfor %}',
}


def render(source, **context):
    return ENGINE.from_string(source).render(Context(context))


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture(params=["wsgi", "asgi"])
def show(ents, request):
    """Show a page to somebody, with the context processor or without it."""

    def show(name, who, *, processor=True, middleware=True):
        processors = ["entitlements.web.django.context_processors.entitlements"] if processor else []
        loaders = [("django.template.loaders.locmem.Loader", PAGES)]
        options = {"loaders": loaders, "context_processors": processors}
        backend = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": options}
        also = {"TEMPLATES": [backend], "MIDDLEWARE": [MIDDLEWARE] if middleware else []}

        def view(request):
            return TemplateResponse(request, name)

        said = {"INSTANCE": ents, "CUSTOMER": lambda request: request.headers.get("X-Who")}
        with project([path("page", view)], also=also, **said):
            return exchange_with(request.param)(Ask("/page", who))

    return show


@pytest.mark.parametrize(
    ("keys", "held", "unknown"),
    [
        ('"exports"', "yes", "yes"),
        ("'sso'", "no", "unknown"),
        ('"exports" "team"', "yes", "unknown"),
        ('"exports" and "team"', "yes", "unknown"),
        ('"exports" and "sso"', "no", "unknown"),
        ('"exports" "sso" "team"', "no", "unknown"),
        ('"sso" or "team"', "yes", "unknown"),
        ('"exports" or "sso"', "yes", "yes"),
        ('"sso" or "sandbox" or "beta"', "no", "unknown"),
        ("key", "yes", "unknown"),
        ('key|default:"sso"', "yes", "unknown"),
    ],
)
def test_one_of_three_things_is_shown(keys, held, unknown):
    """A page shows what who has the features sees, who lacks them, or for whom it can't be told."""
    assert render(BRANCHES.format(keys), entitlements=HELD, key="team") == held
    assert render(BRANCHES.format(keys), entitlements=UNKNOWN, key="team") == unknown


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        ("yes", ["yes", "", ""]),
        ("yes{% otherwise %}no", ["yes", "no", ""]),
        ("yes{% unavailable %}unknown", ["yes", "", "unknown"]),
        ("yes{% unavailable %}unknown{% otherwise %}no", ["yes", "no", "unknown"]),
    ],
)
def test_a_branch_that_is_left_out_shows_nothing(inner, shown):
    """R21: without its own branch, cannot tell shows nothing, and never what sells."""
    source = f'{{% load entitlements %}}{{% feature "exports" %}}{inner}{{% endfeature %}}'
    pins = [HELD, Pinned(), Pinned(unavailable=True)]
    assert [render(source, entitlements=pin) for pin in pins] == shown


@pytest.mark.parametrize(
    "keys", ["", "and", '"a" or', 'or "a"', '"a" or "b" and "c"', '"a" "b" or "c"', '"a" or "b" "c"']
)
def test_what_can_t_be_read_is_said_when_the_template_is_compiled(keys):
    """A tag without keys, or with mixed ones, is an error that shows how it is written."""
    with pytest.raises(TemplateSyntaxError, match=r'write \{% feature "exports" %\}'):
        ENGINE.from_string(BRANCHES.format(keys))


@pytest.mark.parametrize(
    "inner", ["{% otherwise %}a{% otherwise %}b", "{% unavailable %}{% unavailable %}", "{% otherwise %}{% else %}"]
)
def test_a_branch_comes_once(inner):
    """What can't be meant is an error."""
    with pytest.raises(TemplateSyntaxError):
        ENGINE.from_string(f'{{% load entitlements %}}{{% feature "exports" %}}{inner}{{% endfeature %}}')


def test_a_key_that_is_none_is_an_error():
    """A variable that holds no lookup key is not passed over: nobody would notice that a page sells what is held."""
    with pytest.raises(InvalidInput, match="feature key '' is empty"):
        render(BRANCHES.format("missing"), entitlements=HELD)


def test_a_tag_that_can_ask_nobody_is_an_error():
    """Outside of a request it says what to give the template."""
    with pytest.raises(NotConfigured, match=r"or give it \{\"entitlements\": ents.for_customer\(...\)\}"):
        render(PAGES["tag"])


def test_a_mail_is_written_for_a_customer(ents):
    """A template outside of a request asks the view it is given, live or pinned."""
    for team in (ents.for_customer("cus_1"), ents.for_customer("cus_1").pinned()):
        assert [render(PAGES[name], entitlements=team) for name in ("tag", "if")] == ["yes", "yes"]
    assert render(PAGES["tag"], entitlements=ents.for_customer("cus_2")) == "no"


@pytest.mark.parametrize("name", ["tag", "if"])
def test_a_page_asks_for_who_asks(show, shelf, name):
    """In a request it is the request's customer; nobody signed in holds nothing."""
    assert [show(name, who).body for who in ("cus_1", "cus_2", None)] == [b"yes", b"no", b"no"]
    assert show(name, "cus_1").headers["cache-control"] == "private, no-store"
    shelf.failing = True
    assert show(name, "cus_3").body == b"unknown"


def test_the_tag_needs_no_context_processor(show):
    """`{% feature %}` asks what the middleware has bound, where nothing was put into the context."""
    assert show("tag", "cus_1", processor=False).body == b"yes"


@pytest.mark.parametrize("name", ["tag", "if"])
def test_a_page_without_the_middleware_can_t_tell(show, name):
    """An error page that other middleware renders is shown, and sells nothing."""
    assert show(name, "cus_1", middleware=False).body == b"unknown"


def test_a_page_of_questions_costs_one_look_up(show, shelf):
    """One request sees one truth, and pays for it once."""
    assert show("many", "cus_1").body == b"y" * 20
    assert shelf.fetches == ["cus_1"]


def test_an_async_page_says_that_it_can_t_tell_yet(ents):
    """A template rendered on the loop's thread waits for nothing: it shows the branch for cannot tell."""

    async def view(request):
        return HttpResponse(ENGINE.from_string(PAGES["tag"]).render(Context({"entitlements": request.entitlements})))

    async def waiting(request):
        await request.entitlements.apinned()
        return await view(request)

    async def customer(request):
        return "cus_1"

    with project([path("page", view), path("waiting", waiting)], INSTANCE=ents, CUSTOMER=customer):
        exchange = exchange_with("asgi")
        assert [exchange(Ask(at)).body for at in ("/page", "/waiting")] == [b"unknown", b"yes"]
