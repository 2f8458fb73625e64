"""The desk: one request becomes one transaction and one answer, for HTTP and for code in this process alike."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from entitlements.emulator.ids import new_id
from entitlements.emulator.lifecycle import Rules
from entitlements.emulator.store import DEFAULT_ACCOUNT
from entitlements.emulator.wire.auth import account_of
from entitlements.emulator.wire.errors import ApiError, invalid, unrecognized_url
from entitlements.emulator.wire.expand import expanded
from entitlements.emulator.wire.forms import written
from entitlements.emulator.wire.params import Items, Text, read
from entitlements.emulator.wire.routes import Call, Contents, Origin, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    from entitlements.emulator.clock import Clock
    from entitlements.emulator.store import Json, Store, Transaction
    from entitlements.emulator.wire.expand import Loader

    Within: TypeAlias = Callable[[Transaction], AbstractContextManager[None]]

__all__ = ["Answer", "Ask", "Desk"]

_T = TypeVar("_T")
_EXPAND = {"expand": Items(Text())}
_LONGEST_KEY = 255
_KEPT = 86_400  # seconds an idempotent answer is remembered


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: what is asked for, in raw form values."""

    method: str
    path: str
    raw: Json = field(default_factory=dict[str, object])
    idempotency_key: str | None = None
    request: str = field(default_factory=lambda: new_id("req_"))
    named: str | None = None
    account: str = DEFAULT_ACCOUNT

    @property
    def fingerprint(self) -> str:
        """Tell whether two requests with one idempotency key ask for the same thing."""
        return hashlib.sha256(json.dumps(self.raw, sort_keys=True, default=repr).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body (or a file's contents in its place), and headers beside the usual ones."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    contents: Contents | None = None

    @classmethod
    def refusing(cls, error: ApiError) -> Answer:
        """Write an error as an answer."""
        headers = {"WWW-Authenticate": 'Bearer realm="Stripe"'} if error.status == 401 else {}  # noqa: PLR2004 - HTTP's
        return cls(error.status, json.dumps(error.body), headers)


@dataclass(frozen=True)
class Desk:
    """Answer requests over a store; `settle` lets due time pass first, `committed` hears of every change."""

    store: Store
    clock: Clock
    routes: Sequence[Route]
    loaders: Mapping[tuple[str, str], Loader | None]
    settle: Callable[[Call], bool]
    committed: Callable[[], None]
    rules: Rules = field(default_factory=Rules)
    base: Callable[[], str] = lambda: "https://api.stripe.com"

    def answer(self, ask: Ask, within: Within | None = None) -> Answer:
        """Answer a request, its work done `within` a context of the transaction; errors are answers too."""

        def job(call: Call) -> Answer:
            with nullcontext() if within is None else within(call.tx):
                return self._serve(ask, call)

        try:
            self.pass_time()
            answer = self.work(job, Origin(ask.request, ask.idempotency_key), ask.account)
        except ApiError as error:
            return Answer.refusing(error)
        if ask.method == "POST":
            self.pass_time()  # a test clock that was told to advance, and what was made due at once
        return answer

    def account(self, key: str, wanted: str | None) -> str:
        """Say whose objects a key may touch, its own account's or those of the one it names; or refuse."""
        return account_of(key, wanted, lambda name: self.work(lambda call: call.tx.get("account", name)) is not None)

    def perform(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        *,
        named: str | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> Json:
        """Do what a request would do, from Python; refusals are raised. `named` chooses a new object's id."""
        self.pass_time()
        ask = Ask(method, path, written(params), named=named, account=account)
        answer = self.work(lambda call: self._execute(ask, call), Origin(ask.request), account)
        self.pass_time()
        if isinstance(answer, Contents):
            raise TypeError(f"{method} {path} answers with a file, not with an object; ask for it over HTTP")
        return answer

    def work(self, job: Callable[[Call], _T], origin: Origin | None = None, account: str = DEFAULT_ACCOUNT) -> _T:
        """Run a job in a transaction of its own, then tell of it."""
        with self.store.transaction(account) as tx:
            result = job(Call(tx, self.clock.now(), self.rules, origin or Origin(), base=self.base))
            wrote = tx.wrote
        if wrote:
            self.committed()
        return result

    def pass_time(self) -> None:
        """Let every renewal, trial end and cancellation happen whose moment has come, each in its own transaction."""
        while self.work(self.settle):
            pass

    def _serve(self, ask: Ask, call: Call) -> Answer:
        if ask.method != "POST" or ask.idempotency_key is None:
            result = self._execute(ask, call)
            return Answer(200, "", contents=result) if isinstance(result, Contents) else Answer(200, json.dumps(result))
        _check_key_length(ask.idempotency_key)
        return _recall(ask, call.tx) or self._serve_first(ask, call)

    def _serve_first(self, ask: Ask, call: Call) -> Answer:
        answer = Answer(200, json.dumps(self._execute(ask, call)), {"Idempotency-Key": str(ask.idempotency_key)})
        _remember(ask, answer, call)
        return answer

    def amend(self, ask: Ask, answer: Answer) -> None:
        """Remember another answer under a request's idempotency key: Stripe repeats a failure after the fact, too."""
        if ask.method == "POST" and ask.idempotency_key is not None:
            self.work(lambda call: _remember(ask, answer, call), account=ask.account)

    def _execute(self, ask: Ask, call: Call) -> Json | Contents:
        route, ids = self._find(ask)
        params = read({**route.params, **_EXPAND} if route.expands else route.params, ask.raw)
        expand = params.pop("expand", [])
        answer = route.handler(replace(call, path=ask.path, ids=ids, params=params, named=ask.named))
        return answer if isinstance(answer, Contents) else expanded(answer, expand, self.loaders, call.tx)

    def route(self, method: str, path: str) -> Route | None:
        """Find the route a request is for."""
        return next((route for route in self.routes if route.match(method, path) is not None), None)

    def _find(self, ask: Ask) -> tuple[Route, Mapping[str, str]]:
        for route in self.routes:
            ids = route.match(ask.method, ask.path)
            if ids is not None:
                return route, ids
        raise unrecognized_url(ask.method, ask.path)


def _check_key_length(key: str) -> None:
    if len(key) > _LONGEST_KEY:
        raise invalid(f"Idempotency keys can be at most {_LONGEST_KEY} characters; this one has {len(key)}.")


def _recall(ask: Ask, tx: Transaction) -> Answer | None:
    """Repeat the answer this key was first given, or refuse to use it for something else."""
    query = "SELECT fingerprint, request, status, body FROM idempotency WHERE account = ? AND key = ? AND path = ?"
    row = tx.sql(query, (ask.account, ask.idempotency_key, ask.path)).fetchone()
    if row is None:
        return None
    fingerprint, request, status, body = row
    if fingerprint != ask.fingerprint:
        raise ApiError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{ask.idempotency_key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    replayed = {
        "Idempotency-Key": str(ask.idempotency_key),
        "Idempotent-Replayed": "true",
        "Original-Request": request,
    }
    return Answer(status, body, replayed)


def _remember(ask: Ask, answer: Answer, call: Call) -> None:
    call.tx.sql("DELETE FROM idempotency WHERE at < ?", (call.now - _KEPT,))
    call.tx.sql(
        "INSERT OR REPLACE INTO idempotency (account, key, path, fingerprint, request, at, status, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ask.account,
            ask.idempotency_key,
            ask.path,
            ask.fingerprint,
            ask.request,
            call.now,
            answer.status,
            answer.body,
        ),
    )
