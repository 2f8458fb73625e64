"""What a project says in ENTITLEMENTS: what is accepted, what is an error, and that no secret is shown."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from web_django import MIDDLEWARE, exchange_with, project, wsgi_handler
from web_shelf import Shelf

from entitlements import Entitlements, Freshness
from entitlements.emulator import StripeEmulator
from entitlements.testing import Ask
from entitlements.web.django import conf, get_entitlements, requires_feature

ENTS = Entitlements(source=Shelf(cus_1={"exports"}))
KEY = "sk_test_51Habcdefghijklmn"
SECRET = "whsec_abcdefghijklmn"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def make_ents():
    return ENTS


def customer(request):
    return "cus_1"


@requires_feature("exports")
def page(request):
    return HttpResponse("a page")


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch):
    for name in ("STRIPE_API_KEY", "STRIPE_API_BASE", "STRIPE_ACCOUNT", "STRIPE_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)


# --- which instance --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [ENTS, make_ents, f"{__name__}.ENTS", f"{__name__}.make_ents"])
def test_an_instance_is_named(named):
    """INSTANCE is an Entitlements, what makes one, or where either is; it is nobody's here to close."""
    with project([], INSTANCE=named):
        assert get_entitlements() is get_entitlements() is ENTS
    assert ENTS.check("cus_1", "exports")


def test_an_instance_is_described():
    """What an Entitlements takes may be said in the settings, values of its own kinds as dicts too."""
    said = {"API_KEY": KEY, "WEBHOOK_SECRETS": [SECRET], "LIMITS": {"deadline": 1}, "FRESHNESS": Freshness(ttl=60)}
    with project([], API_BASE="http://127.0.0.1:9", STRICT=False, OBSERVER=f"{__name__}.customer", **said):
        ents = get_entitlements()
        assert repr(ents) == "Entitlements(api_base='http://127.0.0.1:9', scope='self/test')"
        assert ents._core.settings.webhook_secrets[0].reveal() == SECRET
        assert ents._core.settings.strict is False


def test_an_instance_is_made_of_the_environment(monkeypatch):
    """A project that says nothing has its instance made of STRIPE_API_KEY."""
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    with override_settings():
        assert get_entitlements().stats().customers == 0


def test_overridden_settings_are_followed():
    """A test that overrides ENTITLEMENTS gets another instance, and its own back; one made here is closed."""
    with project([path("page", page)], API_KEY=KEY, CUSTOMER=customer):
        made = get_entitlements()
        exchange = exchange_with("wsgi")
        with override_settings(ENTITLEMENTS={"INSTANCE": ENTS, "CUSTOMER": customer}):
            assert get_entitlements() is ENTS
            assert exchange(Ask("/page")).status == 200
        assert made.check("cus_1", "exports").detail == "this instance was closed"
        assert get_entitlements() is not made
        with override_settings(ROOT_URLCONF=None):
            made = get_entitlements()
        assert get_entitlements() is made


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = [
    ([], "settings.ENTITLEMENTS is []: give a dict, as in"),
    ({"COSTUMER": customer}, "ENTITLEMENTS says 'COSTUMER', which is no setting: did you mean \"CUSTOMER\"?"),
    ({7: 1}, "ENTITLEMENTS says 7, which is no setting: there are INSTANCE, CUSTOMER"),
    ({"INSTANCE": 7}, "gives 7: name an Entitlements, or a function that returns one"),
    ({"INSTANCE": lambda: None}, "gives None: name an Entitlements"),
    ({"INSTANCE": "shop.billing.ents"}, "is 'shop.billing.ents', which can't be imported"),
    ({"INSTANCE": KEY}, "is 'sk_test_…', which can't be imported"),
    ({"INSTANCE": f"{__name__}.nothing"}, "give a dotted path, as in"),
    ({"INSTANCE": ENTS, "API_KEY": KEY}, 'says both "INSTANCE" and "API_KEY"'),
    ({"INSTANCE": ENTS, "CUSTOMER": 7}, '["CUSTOMER"] is 7: give a function that takes the request'),
    ({"INSTANCE": ENTS, "HANDLER": "nowhere"}, "[\"HANDLER\"] is 'nowhere', which can't be imported"),
    ({"INSTANCE": ENTS, "STATUS": 200}, "ENTITLEMENTS: status is 200: give a refusal's, 400 to 499"),
    ({"INSTANCE": ENTS, "HIDE": "yes"}, "ENTITLEMENTS: hide is 'yes': give True or False"),
    ({"INSTANCE": ENTS, "UPGRADE_URL": "pricing"}, "ENTITLEMENTS: upgrade_url is 'pricing'"),
    ({"INSTANCE": ENTS, "PRELOAD": 1}, '["PRELOAD"] is 1: give True or False'),
    ({"API_KEY": "pk_test_123"}, "ENTITLEMENTS: api_key is no secret key: give one that begins with sk_ or rk_"),
    ({"API_KEY": KEY, "LIMITS": {"deadlin": 1}}, '["LIMITS"]:'),
    ({"API_KEY": KEY, "LIMITS": {"deadline": -1}}, '["LIMITS"]: Limits.deadline is -1'),
    ({"API_KEY": KEY, "OBSERVER": 7}, '["OBSERVER"] is 7: give a function'),
    ({}, "ENTITLEMENTS: no Stripe key: pass api_key=... or set STRIPE_API_KEY"),
]


@pytest.mark.parametrize(("said", "message"), MISTAKES)
def test_a_mistake_keeps_the_server_from_starting(said, message):
    """What can't be right is named, with the rule and what to do, when the middleware is loaded."""
    with override_settings(ENTITLEMENTS=said, MIDDLEWARE=[MIDDLEWARE]):
        with pytest.raises(ImproperlyConfigured) as raised:
            wsgi_handler()
        assert message in str(raised.value)
        assert KEY not in str(raised.value)


def test_no_page_of_djangos_shows_a_secret():
    """DEBUG's page of an error, with the settings and every frame's locals, shows neither key nor signing secret."""

    def fails(request):
        conf._project = None
        get_entitlements()

    said = {"API_KEY": KEY, "WEBHOOK_SECRETS": [SECRET]}
    with project([path("page", fails)], also={"DEBUG": True}, **said):
        exchange = exchange_with("wsgi")
        for broken in ({"STATUS": 200}, {"LIMITS": {"deadline": -1}}, {"OBSERVER": "nowhere"}, {"API_BASE": "nowhere"}):
            with override_settings():
                settings.ENTITLEMENTS = {**said, **broken}  # as a reload would: nobody is told
                reply = exchange(Ask("/page", headers={"Accept": "text/html"}))
            assert (reply.status, b"ImproperlyConfigured" in reply.body) == (500, True)
            assert KEY[9:].encode() not in reply.body
            assert SECRET[7:].encode() not in reply.body


# --- system checks ---------------------------------------------------------------------------------------------------


def found(*, deploy=False, also=None, **said):
    also = {"MIDDLEWARE": [AUTHENTICATION, MIDDLEWARE], **(also or {})}
    with project([path("page", page)], also=also, **said):
        return [
            (each.id, str(each.msg))
            for each in checks.run_checks(tags=["entitlements"], include_deployment_checks=deploy)
        ]


def test_a_project_in_order_passes_its_checks():
    """What is right is passed over in silence, and no instance is made to find that out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("entitlements.web.django.conf.Entitlements", None)
        assert found(API_KEY=KEY, CUSTOMER=customer) == []


@pytest.mark.parametrize(("said", "message"), [each for each in MISTAKES[:-1] if isinstance(each[0], dict)])
def test_a_mistake_is_an_error_of_the_check(said, message):
    """`manage.py check` says what the server would say, as far as it can be told without making an instance."""
    with override_settings(ENTITLEMENTS=said):
        told = [
            str(each.msg)
            for each in checks.run_checks(tags=["entitlements"])
            if each.id in {"entitlements.E001", "entitlements.W004"}
        ]
    if "gives" in message or message.startswith("is 'shop") or ("INSTANCE" in said and len(said) == 1):
        assert told == []  # whoever makes an instance is asked when the server starts
    else:
        assert len(told) == 1
        assert message.removeprefix("ENTITLEMENTS: ") in told[0]


def test_a_missing_key_is_a_warning_only():
    """An image is built, and migrations are written, where no key is."""
    assert found(CUSTOMER=customer)[0][0] == "entitlements.W004"


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ([AUTHENTICATION, MIDDLEWARE], []),
        ([AUTHENTICATION, "entitlements.web.django.middleware.EntitlementsMiddleware"], []),
        ([AUTHENTICATION], ["entitlements.W001"]),
        ([MIDDLEWARE, AUTHENTICATION], ["entitlements.W002"]),
    ],
)
def test_the_order_of_middleware_is_checked(order, ids):
    """A project without the middleware, or with it before the users it asks for, is told."""
    assert [each for each, _ in found(also={"MIDDLEWARE": order}, INSTANCE=ENTS)] == [*ids, "entitlements.W003"]
    expected = [each for each in ids if each != "entitlements.W002"]
    assert [each for each, _ in found(also={"MIDDLEWARE": order}, INSTANCE=ENTS, CUSTOMER=customer)] == expected


def test_users_who_can_have_no_customer_are_noticed():
    """A user model without stripe_customer_id needs CUSTOMER said."""
    assert found(INSTANCE=ENTS) == [
        ("entitlements.W003", "User has no stripe_customer_id, so no customer is found, and gates fail.")
    ]


def test_lookup_keys_are_held_against_the_catalogue_when_asked_for(stripe_with_exports):
    """`check --deploy` reads the catalogue and names a route's misspelt key; a plain check asks nobody."""
    said = {"API_KEY": stripe_with_exports.api_key, "API_BASE": stripe_with_exports.url, "CUSTOMER": customer}

    @requires_feature("exprots")
    def misspelt(request): ...

    with project([path("page", page), path("other", misspelt)], also={"MIDDLEWARE": [MIDDLEWARE]}, **said):
        assert checks.run_checks(tags=["entitlements"]) == []
        (error,) = checks.run_checks(tags=["entitlements"], include_deployment_checks=True)
    assert (error.is_serious(), error.id, error.msg) == (
        True,
        "entitlements.E010",
        "any /other: the catalogue has no feature “exprots”; did you mean “exports”?.",
    )


def test_a_catalogue_that_cannot_be_read_is_a_warning():
    """`check --deploy` where Stripe can't be reached says that keys weren't checked, and ends."""
    said = found(deploy=True, API_KEY=KEY, API_BASE="http://127.0.0.1:9", CUSTOMER=customer)
    assert [each for each, _ in said] == ["entitlements.W010"]


@pytest.fixture
def stripe_with_exports():
    with StripeEmulator(catalog={"features": {"exports": "Exports"}}) as stripe:
        yield stripe
