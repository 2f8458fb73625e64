"""FastAPI: gates as dependencies, what OpenAPI says of them, a request's view, and the webhook's router."""

from __future__ import annotations

import inspect
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Final, NoReturn, cast

from entitlements.asked import Gate
from entitlements.decision import enforced
from entitlements.extras import missing
from entitlements.gate import required, told
from entitlements.terms import Terms

try:
    from fastapi import APIRouter, FastAPI, params
    from starlette.middleware import Middleware
    from starlette.requests import HTTPConnection
except ImportError as error:
    raise missing("fastapi", error) from error

from entitlements.web import starlette
from entitlements.web.fastapi_openapi import document
from entitlements.web.fastapi_routes import check
from entitlements.web.starlette import exception_handlers
from entitlements.web.starlette_answers import bring_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.decision import Decision
    from entitlements.resolver import Entitlements
    from entitlements.web.refusal import Refusal

__all__ = ["EntitlementsMiddleware", "RequiresFeature", "exception_handlers", "install", "webhook_router"]


class RequiresFeature(params.Depends):
    """Let path operations run only for a customer who has the features: all that are named, or any of `any_of`.

    It is a dependency, ready to use: in `dependencies=[RequiresFeature("exports")]` of an application, a router or a
    path operation, HTTP or WebSocket, or in `Annotated[Decision, RequiresFeature("exports")]`, which gives the
    decision. A refusal is answered wherever it stands; a WebSocket is refused at its handshake.

    A test that opens it says so: `app.dependency_overrides[exports.dependency] = lambda: None`, where `exports` is the
    very object that stands in the application.

    Args:
        features: lookup keys, all of which are needed.
        any_of: lookup keys, one of which is enough; instead of `features`, not beside them.
        customer: finds the customer, `None` if nobody is signed in; left out, the request's view has it. A function of
            one bare argument, as `lambda request: ...`, is given the connection, and awaited if it is async. Any other
            is a dependency of FastAPI's, with its own dependencies, and so is `Depends(...)`.
        entitlements: the instance to ask.
        status: the HTTP status of a no, instead of 402.
        hide: answer a no as the application answers where no route leads; a don't-know is 503 all the same.
        upgrade_url: the page that sells this; browsers are sent there. These three go before what the application says.

    Raises:
        TypeError: no key, both kinds of keys, or it is used as a decorator or within `Depends`.
        InvalidInput: a key that can't be one.
        InvalidSettings: a status, `hide` or `upgrade_url` that can't be right.
        FeatureRequired: at a request: the customer hasn't the features, or nobody is signed in.
        EntitlementsUnavailable: at a request: it can't be told.
        NotConfigured: at a request: nothing says which instance, or whose customer.

    >>> from typing import Annotated
    >>> from entitlements import Decision
    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> @app.get("/exports", dependencies=[RequiresFeature("exports")])
    ... async def exports():
    ...     return "exported"
    >>> @app.get("/why")
    ... async def why(decision: Annotated[Decision, RequiresFeature("exports")]):
    ...     return decision.source
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing a gate may be told
        self,
        *features: str,
        any_of: Sequence[str] | None = None,
        customer: Callable[..., object] | params.Depends | None = None,
        entitlements: Entitlements | None = None,
        status: int | None = None,
        hide: bool | None = None,
        upgrade_url: str | None = None,
    ) -> None:
        provided = customer if isinstance(customer, params.Depends) else _dependency_of(customer)
        find = cast("Callable[..., object] | None", customer) if provided is None else _itself
        gate = told(Gate, required(features, any_of), find, entitlements, None, Terms(status, hide, upgrade_url))
        super().__init__(_Admission(gate, provided))

    @property
    def __entitlements_gate__(self) -> Gate:
        """Give what the audit reads."""
        return cast("_Admission", self.dependency).__entitlements_gate__

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse to be a decorator."""
        raise TypeError(
            f"{self!r} is a dependency, not a decorator: write dependencies=[{self!r}] in the path operation, "
            "or put requires_feature of entitlements above the function"
        )

    @property
    def __signature__(self) -> Signature:
        raise TypeError(f"{self!r} is a dependency already: write dependencies=[{self!r}], without Depends")

    @staticmethod
    def __get_pydantic_core_schema__(*_: object) -> NoReturn:
        raise TypeError(
            'a gate stands where FastAPI doesn\'t look for one: write Annotated[Decision, RequiresFeature("exports")], '
            "with nothing around it, or dependencies=[...]"
        )

    def __repr__(self) -> str:
        return f'RequiresFeature("{self.__entitlements_gate__.need}")'


class _Admission:
    """What FastAPI calls: it gives the decision that admits, or raises the one that refuses."""

    def __init__(self, gate: Gate, customer: params.Depends | None) -> None:
        self.__entitlements_gate__: Final = gate
        parameters = [Parameter("connection", Parameter.KEYWORD_ONLY, annotation=HTTPConnection)]
        if customer is not None:
            parameters.append(Parameter("customer", Parameter.KEYWORD_ONLY, default=customer))
        self.__signature__: Final = Signature(parameters)

    async def __call__(self, *, connection: HTTPConnection, **provided: object) -> Decision:
        gate = self.__entitlements_gate__
        asked = await gate.aasked((provided.get("customer", connection),), {})
        decision = await asked.core.arun(asked.flow())
        if not decision:
            bring_handlers(connection.scope)
        return enforced(decision, gate.terms)

    def __repr__(self) -> str:
        return f"<admission to {self.__entitlements_gate__.need}>"


class EntitlementsMiddleware(starlette.EntitlementsMiddleware):
    """Give every request and WebSocket a view of its customer, and turn refusals into responses.

    It is Starlette's, argument for argument; see `install`, which puts it where it belongs. Before anything is served
    it checks that every gate which the path operations name is in force, and that no route leads past one; else the
    application doesn't start, and serves nothing where the server goes on without.

    Raises:
        InvalidSettings: something that it was told can't be right.
        NotConfigured: when it serves: a gate isn't in force; the message says where, and why.

    >>> from entitlements import Entitlements
    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> ents = Entitlements("sk_test_123")
    >>> app.add_middleware(EntitlementsMiddleware, entitlements=ents, customer=lambda request: request.user.org)
    """

    def _check(self, app: object) -> None:
        if isinstance(app, FastAPI):
            check(app)
        super()._check(app)


def install(  # noqa: PLR0913 - one argument for each thing an application may say
    app: FastAPI,
    entitlements: Entitlements,
    customer: Callable[[HTTPConnection], object] | None = None,
    *,
    upgrade_url: str | None = None,
    status: int | None = None,
    hide: bool | None = None,
    handler: Callable[[Refusal, HTTPConnection], object] | None = None,
    preload: bool = False,
) -> None:
    """Give an application its view of customers, the answers to refusals, and their place in its OpenAPI.

    The middleware goes inside of all others, whenever they are added, so that `customer` finds the session and the user
    that those provide, and what they do to responses, as CORS does, is done to refusals too. Where the user is found by
    dependencies, leave `customer` out, and give it to the gates: `RequiresFeature("exports", customer=current_org)`.

    Args:
        app: the application, before it serves its first request.
        entitlements: the instance to ask.
        customer: called with the connection (a `Request`, without its body, where it is one), and awaited if it is
            async; returns Stripe's id, an object with a `.stripe_customer_id`, or `None` when nobody is signed in.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.
        status: the status of a no, instead of 402. A gate that says otherwise goes first, here and below.
        hide: answer a no as the application answers where no route leads.
        handler: called with a refusal and the connection, and awaited if it is async; returns a response to give
            instead, or `None` for the usual one.
        preload: whether to fetch before the application runs.

    Raises:
        InvalidSettings: one of these can't be right.
        RuntimeError: the application serves already.

    >>> from entitlements import Entitlements
    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> install(app, Entitlements("sk_test_123"), customer=lambda request: request.state.org, upgrade_url="/pricing")
    """
    middleware = Middleware(
        EntitlementsMiddleware,
        entitlements,
        customer,
        upgrade_url=upgrade_url,
        status=status,
        hide=hide,
        handler=handler,
        preload=preload,
    )
    starlette.put_inside(app, middleware)
    document(app, Terms(status, hide, upgrade_url))


def webhook_router(
    entitlements: Entitlements, path: str = "/stripe/webhook", *, read_deadline: float = 10.0
) -> APIRouter:
    """Make the router that takes Stripe's webhooks; the dependencies of an application that includes it don't apply.

    It reads the raw body, at most 256 KiB of it and for `read_deadline` seconds, and makes no call to Stripe.

    Raises:
        InvalidSettings: `entitlements` is no instance.

    >>> from entitlements import Entitlements
    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> app.include_router(webhook_router(Entitlements("sk_test_123", webhook_secrets=["whsec_123"])))
    """
    return APIRouter(routes=[starlette.webhook_route(entitlements, path, read_deadline=read_deadline)])


def _itself(customer: object) -> object:
    return customer


def _dependency_of(customer: Callable[..., object] | None) -> params.Depends | None:
    """Make a dependency of what finds the customer; `None` for what is only to be called with the connection."""
    if not callable(customer):
        return None
    try:
        parameters = [*inspect.signature(customer).parameters.values()]
    except ValueError:  # something built in, as `operator.attrgetter` is: it takes one thing
        return None
    if len(parameters) == 1 and _is_bare(parameters[0]):
        return None
    return params.Depends(customer)


def _is_bare(parameter: Parameter) -> bool:
    """Say whether a parameter says nothing of what it takes: FastAPI would take it from what the client sends."""
    positional = parameter.kind in {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    return positional and parameter.annotation is Parameter.empty and parameter.default is Parameter.empty
