"""What type checkers see of Flask's integration: the signatures that were written. Checked, and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from flask import Blueprint, Flask, Response
from flask.views import MethodView

from entitlements import Entitlements, EntitlementsUnavailable, FeatureRequired
from entitlements.pinned import Pinned
from entitlements.web.flask import FlaskEntitlements, current_entitlements, requires_feature, webhook_blueprint

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from flask import Request
    from flask.typing import ResponseReturnValue

app = Flask("shop")
ents = Entitlements("sk_test_123", webhook_secrets=["whsec_123"])


@app.get("/report/<int:year>")
@requires_feature("exports")
def report(year: int, *, month: int = 1) -> str:
    return f"{year}-{month}"


@app.get("/later")
@requires_feature("exports", "sso", hide=True)
async def later(year: int) -> Response:
    return Response(str(year))


class Page(MethodView):
    decorators = [requires_feature("sso")]  # noqa: RUF012 - as Flask's users write it

    @requires_feature(any_of=["exports", "sso"])
    def get(self, year: int) -> str:
        return str(year)


assert_type(report(2024, month=2), str)
assert_type(Page().get(2024), str)


def awaits() -> None:
    coroutine: Coroutine[Any, Any, Response] = later(2024)
    coroutine.close()


def answer(error: FeatureRequired | EntitlementsUnavailable, request: Request) -> ResponseReturnValue | None:
    return (f"{error} on {request.path}", 402) if isinstance(error, FeatureRequired) else None


gate = FlaskEntitlements(app, ents, customer=lambda: None, upgrade_url="/pricing", handler=answer)
later_gate = FlaskEntitlements(customer=lambda: "cus_123", status=403, hide=None)
later_gate.init_app(Flask("other"), ents)
assert_type(webhook_blueprint(ents, rule="/hook"), Blueprint)
assert_type(current_entitlements.pinned(), Pinned)
assert_type("exports" in current_entitlements, bool)

signature: Callable[[int], str] = report

# What is wrong is seen to be wrong.
report("2024")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # a year is a number
FlaskEntitlements(app, ents)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # whose customer?
FlaskEntitlements(app, ents, customer="cus_1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # a function
