"""The resolver: may this customer use this feature, now?"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from entitlements import overridden
from entitlements import token as freshness_token
from entitlements.core import Core, identify
from entitlements.customer import Customer
from entitlements.decision import enforced
from entitlements.errors import InvalidInput, InvalidSettings
from entitlements.freshness import FeatureClass, Freshness
from entitlements.question import Question
from entitlements.requirement import Requirement
from entitlements.settings import Limits, Settings
from entitlements.stripe.ids import feature_key, shown
from entitlements.stripe.secret import Secret

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Self

    from entitlements.cache.snapshot import Snapshot
    from entitlements.cache.wait import Wait
    from entitlements.decision import Decision
    from entitlements.feeds.webhook import WebhookResult
    from entitlements.observed import Observed
    from entitlements.sources.contract import Source
    from entitlements.stats import Stats
    from entitlements.stripe.client import Stripe

__all__ = ["Entitlements", "core_of"]


class Entitlements:
    """Ask Stripe's entitlements, and remember the answers for as long as they are good.

    An answer is served from memory while nothing is known to have changed. When something did, the next question
    fetches the customer's complete list: one fetch, however many ask. When Stripe can't be reached, customers seen
    lately keep what they have, and the others get a "cannot tell" within two seconds.

    A customer is Stripe's id, or any object with a `.stripe_customer_id`; a feature is its lookup key.

    Args:
        api_key: a secret or restricted key; else STRIPE_API_KEY. Reading entitlements is all it needs.
        api_base: where Stripe is; else STRIPE_API_BASE. The emulator prints one.
        stripe_account: the connected account to ask about; else STRIPE_ACCOUNT.
        webhook_secrets: `whsec_...`, several while one is being rolled; else STRIPE_WEBHOOK_SECRET.
        source: "stripe", or any object that keeps `entitlements.sources.contract.Source`.
        freshness: how old an answer may be.
        shared_path: a directory on a local disk, where all processes of this host that name it share fences and
            snapshots; a restart begins with what it holds.
        sweep: seconds between two readings of Stripe's event list, for changes whose webhook never comes.
        feature_classes: features that tolerate less or more than others, as in `{"payouts": "strict"}`.
        limits: what the library may use.
        observer: called with one frozen record per fetch (`Fetch`) and per decision worth telling (`Decision`: a
            refusal, an answer served stale, a don't-know), on the thread it happened on; it should be quick. With one,
            a refusal takes some microseconds longer.
        clock: seconds, to judge ages by; `time.monotonic` without it.
        strict: whether an unknown lookup key raises `UnknownFeature`; on when `api_base` is this machine.

    Raises:
        InvalidSettings: a setting that can't be right.

    >>> ents = Entitlements("sk_test_123")
    >>> ents
    Entitlements(api_base='https://api.stripe.com', scope='self/test')
    >>> ents.close()
    """

    def __init__(  # noqa: PLR0913 - one argument a setting
        self,
        api_key: str | None = None,
        *,
        api_base: str | None = None,
        stripe_account: str | None = None,
        webhook_secrets: Sequence[str] = (),
        source: Source | str = "stripe",
        freshness: Freshness | None = None,
        feature_classes: Mapping[str, FeatureClass | str] | None = None,
        shared_path: str | os.PathLike[str] | None = None,
        sweep: float | None = None,
        limits: Limits | None = None,
        observer: Callable[[Observed], object] | None = None,
        clock: Callable[[], float] | None = None,
        strict: bool | None = None,
    ) -> None:
        # Rebound at once: a traceback of whatever goes wrong below may show this frame's locals.
        key, api_key = Secret.wrapped(api_key), None
        base, api_base = Secret.wrapped(api_base), None  # it may carry credentials
        secrets, webhook_secrets = Secret.all_wrapped(webhook_secrets), ()
        own_source = _source(source)
        settings = Settings.read(
            key,
            api_base=base,
            stripe_account=stripe_account,
            webhook_secrets=secrets,
            feature_classes=feature_classes,
            shared_path=shared_path,
            sweep=sweep,
            strict=strict,
            needs_key=own_source is None,
        )
        self._core = Core(
            settings,
            freshness=_one_of(freshness, Freshness),
            limits=_one_of(limits, Limits),
            source=own_source,
            clock=_callable("clock", clock, "that returns seconds"),
            observer=_callable("observer", observer, "that takes one record"),
        )
        # The hot path reads these and `monotonic`.
        self._entries: Mapping[str, Snapshot] = {}
        overridden.on_switch(self._take_entries)
        self._core.fences.on_move(self._take_tokens)
        self._take_tokens()
        # An observer hears of every refusal, so none is given on the hot path.
        self._known_keys: AbstractSet[str] = frozenset() if observer else self._core.judge.known_keys
        self._recheck_after = self._core.judge.recheck_after

    def _take_entries(self) -> None:
        self._entries = self._core.cache.warm  # which has heard of the switch before: it was made first

    def _take_tokens(self) -> None:
        self._tokens = self._core.fences.tokens

    # --- asking ------------------------------------------------------------------------------------------------------

    def has_feature(self, customer: object, feature: str) -> bool:
        """Say whether a customer may use a feature, now.

        This is the hot path: some 0.15 microseconds when warm. False also means "cannot tell"; `check` tells
        the two apart. It never raises for a fault at run time.

        Raises:
            InvalidInput: `customer` is no id, or `feature` no lookup key.
            UnknownFeature: in strict mode, a key that the catalogue doesn't have.
        """
        try:
            snapshot = self._entries[customer]  # type: ignore[index]  # whatever isn't an id isn't found
            if (
                self._tokens[snapshot.slot] == snapshot.token
                and snapshot.began <= (now := monotonic()) < snapshot.deadline
            ):
                snapshot.visited = True
                if feature in snapshot.features:
                    return True
                if feature in self._known_keys and now - snapshot.began <= self._recheck_after:
                    return False
        except (KeyError, TypeError):
            pass  # a customer not seen yet, or not an id at all; a feature that can't be a key: the slow path tells
        return self._ask(customer, feature)

    def check(self, customer: object, feature: str, *, fresh: bool = False, after: str | None = None) -> Decision:
        """Answer with reasons: a Decision, truthy or falsy.

        Args:
            customer: an id, or an object with a `.stripe_customer_id`.
            feature: its lookup key.
            fresh: rest on a fetch begun after this call.
            after: rest on a fetch begun after this token was given.

        Raises:
            InvalidInput: a bad customer, key or token.
            UnknownFeature: in strict mode, a key that the catalogue doesn't have.
        """
        return self._core.run(self._question(customer, feature, fresh=fresh, after=after))

    def require(self, customer: object, feature: str, *, fresh: bool = False, after: str | None = None) -> Decision:
        """Go on only if the customer may.

        Raises:
            FeatureRequired: no; the error says what would unlock it.
            EntitlementsUnavailable: it can't be told.
            InvalidInput: a bad customer, key or token.
        """
        return enforced(self.check(customer, feature, fresh=fresh, after=after))

    def ahas_feature(self, customer: object, feature: str) -> Question[bool]:
        """Do the same as `has_feature`, awaiting what must be waited for."""

        async def ahas_feature() -> bool:
            flow = self._question(customer, feature, explain=False)
            return bool(await self._core.arun(flow))

        return Question(ahas_feature())

    def acheck(
        self, customer: object, feature: str, *, fresh: bool = False, after: str | None = None
    ) -> Question[Decision]:
        """Do the same as `check`, awaiting what must be waited for."""

        async def acheck() -> Decision:
            return await self._core.arun(self._question(customer, feature, fresh=fresh, after=after))

        return Question(acheck())

    def arequire(
        self, customer: object, feature: str, *, fresh: bool = False, after: str | None = None
    ) -> Question[Decision]:
        """Do the same as `require`, awaiting what must be waited for."""

        async def arequire() -> Decision:
            flow = self._question(customer, feature, fresh=fresh, after=after)
            return enforced(await self._core.arun(flow))

        return Question(arequire())

    def for_customer(self, customer: object) -> Customer:
        """Bind a customer: `"exports" in ents.for_customer(org)`.

        Raises:
            InvalidInput: `customer` is no id.
        """
        return Customer(self._core, identify(customer))

    # --- changes -----------------------------------------------------------------------------------------------------

    def invalidate(self, customer: object) -> str:
        """Say that a customer's features may have changed; whatever was fetched before no longer answers.

        Stripe isn't asked. Returns a token: pass it as `after=`, in this process or another.

        Raises:
            InvalidInput: `customer` is no id.
            EntitlementsUnavailable: it is known here, and could not be made known to the other processes; try again.
        """
        return self._core.changes.invalidate(identify(customer))

    def refresh(self, customer: object) -> str:
        """Fetch a customer anew, as after a checkout; wait for it, up to the deadline.

        Returns a token: pass it as `after=`, in this process or another.

        Raises:
            InvalidInput: `customer` is no id.
            EntitlementsUnavailable: as `invalidate`.
        """
        return self._core.run(self._core.refresh(identify(customer)))

    def ainvalidate(self, customer: object) -> Question[str]:
        """Do the same as `invalidate`."""

        async def ainvalidate() -> str:
            return self.invalidate(customer)

        return Question(ainvalidate())

    def arefresh(self, customer: object) -> Question[str]:
        """Do the same as `refresh`, awaiting what must be waited for."""

        async def arefresh() -> str:
            return await self._core.arun(self._core.refresh(identify(customer)))

        return Question(arefresh())

    def handle_webhook(self, payload: bytes, signature: str) -> WebhookResult:
        """Verify one of Stripe's events and raise the fence of the customer it is about.

        No call is made to Stripe: answer 2xx as soon as this returns.

        Args:
            payload: the raw bytes of the request's body, untouched.
            signature: the `Stripe-Signature` header.

        Raises:
            SignatureError: the event can't be trusted or read. Nothing else is raised for bad input; answer 400.
            EntitlementsUnavailable: as `invalidate`; answer 503, so that Stripe sends the event again.
        """
        return self._core.changes.webhook(payload, signature)

    def ahandle_webhook(self, payload: bytes, signature: str) -> Question[WebhookResult]:
        """Do the same as `handle_webhook`."""

        async def ahandle_webhook() -> WebhookResult:
            return self.handle_webhook(payload, signature)

        return Question(ahandle_webhook())

    # --- life --------------------------------------------------------------------------------------------------------

    @property
    def stripe(self) -> Stripe:
        """Give the client of Stripe's API, for the catalogue and for whatever else is asked by hand.

        Raises:
            NotConfigured: this instance was made with a source of its own, and no key.
        """
        return self._core.stripe()

    def stats(self) -> Stats:
        """Count what this instance did, and say how far its invalidations reach."""
        return self._core.stats()

    def close(self) -> None:
        """Let threads and connections go; from here on every answer is "cannot tell"."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        core = vars(self).get("_core")
        if core is None:
            return "Entitlements(not made yet)"  # in a traceback that shows why
        settings = core.settings
        return f"Entitlements(api_base={settings.api_base!r}, scope={settings.scope!r})"

    def __reduce__(self) -> str:
        raise TypeError("an Entitlements holds keys and connections and can't be pickled: make one where it is needed")

    # --- the slow path -----------------------------------------------------------------------------------------------

    def _ask(self, customer: object, feature: str) -> bool:
        return bool(self._core.run(self._question(customer, feature, explain=False)))

    def _question(
        self, customer: object, feature: str, *, fresh: bool = False, after: str | None = None, explain: bool = True
    ) -> Generator[Wait, None, Decision]:
        need = Requirement((feature_key(feature),))
        moment = _moment(fresh=fresh, after=after, now=self._core.now())
        return self._core.decide(identify(customer), need, after=moment, explain=explain)


def core_of(ents: Entitlements) -> Core:
    """Give the parts of an instance to the gates, which are built on them."""
    return ents._core  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - this module's own


def _moment(*, fresh: bool, after: str | None, now: float) -> float | None:
    if after is not None and fresh:
        raise InvalidInput("fresh=True and after=... were both given: fresh is the newer, leave the token out")
    if after is not None:
        return freshness_token.redeem(after, now=now)
    return now if fresh else None


def _source(source: Source | str) -> Source | None:
    if isinstance(source, str):
        if source != "stripe":
            raise InvalidSettings(
                f"source is {shown(source)}: give 'stripe', or an object with a fetch(customer, deadline)"
            )
        return None
    if not callable(getattr(source, "fetch", None)):
        raise InvalidSettings(f"source {shown(source)} has no fetch(customer, deadline): see sources.contract.Source")
    return source


T = TypeVar("T")
F = TypeVar("F")


def _one_of(value: T | None, kind: type[T]) -> T:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise InvalidSettings(f"{kind.__name__.lower()} is {shown(value)}: give a {kind.__name__}(...)")
    return value


def _callable(name: str, given: F | None, what: str) -> F | None:
    if given is not None and not callable(given):
        raise InvalidSettings(f"{name} is {shown(given)}: give a function {what}")
    return given
