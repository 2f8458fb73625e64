"""A shop whose data exports are for Pro: `python docs/examples/flask_app.py`, and open the address that it prints.

Stripe is the emulator, on this machine; with a real key in its place, nothing else changes.
"""

from __future__ import annotations

import os

from flask import Flask, redirect, render_template_string, session
from flask.typing import ResponseReturnValue

from entitlements import Entitlements
from entitlements.emulator import StripeEmulator
from entitlements.web.flask import FlaskEntitlements, requires_feature, webhook_blueprint

CATALOG = {
    "features": {"exports": "Data exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}
USERS = {"alice": "cus_alice", "bob": "cus_bob"}  # your users, and whom Stripe knows them as

HOME = """
<h1>Hello, {{ session.user or "stranger" }}</h1>
{% if "exports" in entitlements %}
  <a href="/exports">Export your data</a>
{% elif entitlements.unavailable %}
  We could not confirm your plan just now.
{% else %}
  <a href="/pricing">Get exports with Pro</a>
{% endif %}
<p>Sign in as {% for user in users %}<a href="/sign-in/{{ user }}">{{ user }}</a> {% endfor %}</p>
"""
PRICING = '<h1>Pro</h1><form action="/buy" method="post"><button>Buy</button></form>'


def create_app(ents: Entitlements, stripe: StripeEmulator) -> Flask:
    app = Flask(__name__)
    app.secret_key = os.urandom(16)
    FlaskEntitlements(app, ents, customer=lambda: USERS.get(session.get("user", "")), upgrade_url="/pricing")
    app.register_blueprint(webhook_blueprint(ents))

    @app.get("/")
    def home() -> str:
        return render_template_string(HOME, users=USERS)

    @app.get("/exports")
    @requires_feature("exports")
    def exports() -> dict[str, list[str]]:
        return {"exports": ["a.csv", "b.csv"]}

    @app.get("/pricing")
    def pricing() -> str:
        return PRICING

    @app.post("/buy")
    def buy() -> ResponseReturnValue:
        customer = USERS[session["user"]]
        stripe.subscribe(customer, "pro")  # in your application: Stripe Checkout, which comes back to a page like this
        ents.refresh(customer)  # so that the next page has it, should the webhook come later
        return redirect("/exports")

    @app.get("/sign-in/<user>")
    def sign_in(user: str) -> ResponseReturnValue:
        session["user"] = user
        return redirect("/")

    return app


def main() -> None:
    port = int(os.environ.get("PORT", "5000"))
    with StripeEmulator(catalog=CATALOG) as stripe:
        for customer in USERS.values():
            stripe.customer(customer)
        secret = stripe.webhook(f"http://127.0.0.1:{port}/stripe/webhook")
        with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[secret]) as ents:
            print(f"the shop: http://127.0.0.1:{port}/   its Stripe: {stripe.url}", flush=True)
            create_app(ents, stripe).run(port=port)


if __name__ == "__main__":
    main()
