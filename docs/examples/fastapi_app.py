"""An API whose data exports are for Pro: `python docs/examples/fastapi_app.py`, and open the address that it prints.

Stripe is the emulator, on this machine; with a real key in its place, nothing else changes.
"""

import os
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.security import APIKeyHeader

from entitlements import Decision, Entitlements
from entitlements.emulator import StripeEmulator
from entitlements.web.fastapi import RequiresFeature, install, webhook_router

CATALOG = {
    "features": {"exports": "Data exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}
KEYS = {"key-alice": "cus_alice", "key-bob": "cus_bob"}  # your users' keys, and whom Stripe knows them as


def current_customer(key: Annotated[str | None, Depends(APIKeyHeader(name="X-Key", auto_error=False))]) -> str | None:
    return KEYS.get(key or "")  # None: nobody is signed in


CurrentCustomer = Annotated[str, Depends(current_customer)]
Exports = RequiresFeature("exports", customer=current_customer)


def create_app(ents: Entitlements, stripe: StripeEmulator) -> FastAPI:
    app = FastAPI(title="Shop")
    install(app, ents, upgrade_url="/pricing")
    app.include_router(webhook_router(ents))

    @app.get("/exports", dependencies=[Exports])
    async def exports() -> list[str]:
        return ["a.csv", "b.csv"]

    @app.get("/exports/why")
    async def why(decision: Annotated[Decision, Exports]) -> dict[str, object]:
        return {"reason": decision.reason, "source": decision.source, "age": decision.age}

    @app.get("/pricing")
    async def pricing() -> str:
        return "Pro is 29 a month: POST /buy"

    @app.post("/buy")
    def buy(customer: CurrentCustomer) -> str:
        stripe.subscribe(customer, "pro")  # in your application: Stripe Checkout, which comes back to a page like this
        ents.refresh(customer)  # so that the next request has it, should the webhook come later
        return "Pro is yours."

    return app


def main() -> None:
    port = int(os.environ.get("PORT", "8000"))
    with StripeEmulator(catalog=CATALOG) as stripe:
        for customer in KEYS.values():
            stripe.customer(customer)
        secret = stripe.webhook(f"http://127.0.0.1:{port}/stripe/webhook")
        with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[secret]) as ents:
            print(f"the API: http://127.0.0.1:{port}/docs   its Stripe: {stripe.url}", flush=True)
            uvicorn.run(create_app(ents, stripe), port=port, log_level="warning")


if __name__ == "__main__":
    main()
