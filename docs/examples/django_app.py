"""A shop whose data exports are for Pro: `python docs/examples/django_app.py`, and open the address that it prints.

Stripe is the emulator, on this machine; with a real key in its place, nothing else changes. A project of yours has all
this in settings.py, urls.py, views.py and its templates.
"""

from __future__ import annotations

import os
from secrets import token_hex

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views import View
from django.views.decorators.http import require_POST

from entitlements.emulator import StripeEmulator
from entitlements.web.django import FeatureRequiredMixin, get_entitlements, requires_feature

# --- settings.py -----------------------------------------------------------------------------------------------------

CATALOG = {
    "features": {"exports": "Data exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}
USERS = {"alice": "cus_alice", "bob": "cus_bob"}  # your users, and whom Stripe knows them as
PORT = os.environ.get("PORT", "8000")
STRIPE = StripeEmulator(catalog=CATALOG)

HOME = """{% load entitlements %}
<h1>Hello, {{ request.session.user|default:"stranger" }}</h1>
{% feature "exports" %}
  <a href="/exports">Export your data</a>
{% otherwise %}
  <a href="/pricing">Get exports with Pro</a>
{% unavailable %}
  We could not confirm your plan just now.
{% endfeature %}
<p>Sign in as {% for user in users %}<a href="/sign-in/{{ user }}">{{ user }}</a> {% endfor %}</p>
"""
PRICING = '<h1>Pro</h1><form action="/buy" method="post">{% csrf_token %}<button>Buy</button></form>'


def customer(request: HttpRequest) -> str | None:
    """Find who asks; without this it would be `request.user.stripe_customer_id`."""
    return USERS.get(request.session.get("user", ""))


def configure(webhook_secret: str) -> None:
    settings.configure(
        SECRET_KEY=token_hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["entitlements.web.django"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "entitlements.web.django.EntitlementsMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.locmem.Loader", {"home": HOME, "pricing": PRICING})],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "entitlements.web.django.context_processors.entitlements",
                    ],
                },
            }
        ],
        ENTITLEMENTS={
            "API_KEY": STRIPE.api_key,
            "API_BASE": STRIPE.url,
            "WEBHOOK_SECRETS": [webhook_secret],
            "CUSTOMER": customer,
            "UPGRADE_URL": "/pricing",
        },
    )


# --- views.py --------------------------------------------------------------------------------------------------------


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home", {"users": USERS})


@requires_feature("exports")
def exports(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"exports": ["a.csv", "b.csv"]})


class Export(FeatureRequiredMixin, View):
    """An async view, gated as a whole."""

    required_features = "exports"

    async def get(self, request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(f"the rows of {name}\n", content_type="text/csv")


def pricing(request: HttpRequest) -> HttpResponse:
    return render(request, "pricing")


@require_POST
def buy(request: HttpRequest) -> HttpResponse:
    who = customer(request)
    if who is None:
        return redirect("/")
    STRIPE.subscribe(who, "pro")  # in your application: Stripe Checkout, which comes back to a page like this one
    get_entitlements().refresh(who)  # so that the next page has it, should the webhook come later
    return redirect("/exports")


def sign_in(request: HttpRequest, user: str) -> HttpResponse:
    request.session["user"] = user
    return redirect("/")


# --- urls.py ---------------------------------------------------------------------------------------------------------

urlpatterns = [
    path("", home),
    path("exports", exports),
    path("exports/<str:name>", Export.as_view()),
    path("pricing", pricing),
    path("buy", buy),
    path("sign-in/<str:user>", sign_in),
    path("stripe/webhook", include("entitlements.web.django.urls")),
]


def main() -> None:
    with STRIPE:
        for each in USERS.values():
            STRIPE.customer(each)
        configure(STRIPE.webhook(f"http://127.0.0.1:{PORT}/stripe/webhook"))
        print(f"the shop: http://127.0.0.1:{PORT}/   its Stripe: {STRIPE.url}", flush=True)
        execute_from_command_line(["django_app.py", "runserver", "--noreload", PORT])


if __name__ == "__main__":
    main()
