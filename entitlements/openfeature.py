"""OpenFeature: a provider whose flags are features, and whose targeting key is Stripe's customer id."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements.decision import Source
from entitlements.errors import InvalidInput, UnknownFeature
from entitlements.extras import missing
from entitlements.health import Condition, Health
from entitlements.resolver import Entitlements, core_of
from entitlements.stripe.ids import feature_key, shown

try:
    from openfeature.event import ProviderEvent, ProviderEventDetails
    from openfeature.exception import ErrorCode, TargetingKeyMissingError
    from openfeature.flag_evaluation import FlagResolutionDetails, Reason

    # The SDK is typed, but has no __init__.py at its top, so that pyright doesn't find its py.typed.
    from openfeature.provider import AbstractProvider, Metadata  # pyright: ignore[reportMissingTypeStubs]
except ImportError as error:
    raise missing("openfeature", error) from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openfeature.evaluation_context import EvaluationContext  # pyright: ignore[reportMissingTypeStubs] - as above
    from openfeature.flag_evaluation import FlagValueType

    from entitlements.decision import Decision

__all__ = ["EntitlementsProvider"]

T = TypeVar("T")

_NAME: Final = "entitlements"
_CUSTOMER: Final = re.compile(r"\bcus_\w+")
_REASONS: Final = {Source.CACHED: Reason.CACHED, Source.STALE: Reason.STALE}
_log = logging.getLogger("entitlements")


class EntitlementsProvider(AbstractProvider):
    """Answer OpenFeature's boolean flags: may the customer named by the targeting key use the feature, now?

    A no is `False` with a reason. What can't be told is never a `False` as if it were known: it is an error, with the
    default that the caller gave. So are a key that the catalogue doesn't have, a targeting key that is missing or can't
    be a customer's id, and any type but boolean.

    It is told whether answers can be relied on: PROVIDER_STALE when Stripe fails and old answers stand in,
    PROVIDER_ERROR when a question can't be answered, PROVIDER_READY when it is well again.

    The instance stays the application's: shutting the provider down doesn't close it, and one instance may serve gates
    and several providers at once.

    Args:
        entitlements: the instance to ask.

    Raises:
        InvalidInput: this is no `Entitlements`.

    >>> from openfeature import api
    >>> with Entitlements("sk_test_123") as ents:
    ...     api.set_provider_and_wait(EntitlementsProvider(ents))
    ...     details = api.get_client().get_boolean_details("exports", default_value=False)
    >>> details.value, str(details.error_code)
    (False, 'TARGETING_KEY_MISSING')
    >>> api.shutdown()
    """

    def __init__(self, entitlements: Entitlements) -> None:
        super().__init__()
        if not isinstance(entitlements, Entitlements):
            raise InvalidInput(f"EntitlementsProvider({shown(entitlements)}): give an Entitlements")
        core = core_of(entitlements)
        self._entitlements = entitlements
        self._catalog = core.catalog
        self._health = Health(self._tell, clock=core.cache.clock, failing=core.cache.failing)

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(_NAME)

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - OpenFeature's signature
        """Begin: OpenFeature takes a provider for ready when this returns. Nothing is fetched ahead."""
        self._health.begin()

    # --- booleans ----------------------------------------------------------------------------------------------------

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - see `initialize`
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Say whether the customer may use the feature, waiting for Stripe where there is no answer yet."""
        try:
            decision = self._entitlements.check(_customer(evaluation_context), flag_key)
            return self._answer(decision, default_value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller's default is the answer
            return _fault(error, flag_key, default_value)

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - see `initialize`
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Do the same as `resolve_boolean_details`, awaiting what must be waited for."""
        try:
            decision = await self._entitlements.acheck(_customer(evaluation_context), flag_key)
            return self._answer(decision, default_value)
        except Exception as error:  # noqa: BLE001 - see `resolve_boolean_details`
            return _fault(error, flag_key, default_value)

    # --- anything else, for which OpenFeature's async twins call these ------------------------------------------------

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - see `initialize`
    ) -> FlagResolutionDetails[str]:
        """Give the default: no feature is a string."""
        return _mismatch(flag_key, default_value)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - see `initialize`
    ) -> FlagResolutionDetails[int]:
        """Give the default: no feature is a number."""
        return _mismatch(flag_key, default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - see `initialize`
    ) -> FlagResolutionDetails[float]:
        """Give the default: no feature is a number."""
        return _mismatch(flag_key, default_value)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - see `initialize`
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Give the default: no feature is an object."""
        return _mismatch(flag_key, default_value)

    # --- what is said ------------------------------------------------------------------------------------------------

    def _answer(self, decision: Decision, default: bool) -> FlagResolutionDetails[bool]:  # noqa: FBT001 - the caller's
        self._health.heard(decision)
        if decision.unavailable:
            return _error(default, ErrorCode.GENERAL, _why(decision), _metadata(decision))
        if not decision and self._is_unknown(decision.feature):
            return _error(default, ErrorCode.FLAG_NOT_FOUND, _unknown(decision.feature))
        return FlagResolutionDetails(
            value=bool(decision),
            reason=_REASONS.get(decision.source, Reason.TARGETING_MATCH),
            flag_metadata=_metadata(decision),
        )

    def _is_unknown(self, feature: str) -> bool:
        """Say whether a catalogue that is up to date lacks a key. An instance that is strict has raised by now."""
        contents = self._catalog.contents
        return contents is not None and feature not in contents.keys and not self._catalog.doubtful

    def _tell(self, condition: Condition, decision: Decision) -> None:
        event = _EVENTS[condition]
        try:
            self.emit(event, _event_details(condition, decision))
        except Exception:  # noqa: BLE001 - it is being detached, or the interpreter ends; the answer stands
            _log.warning("OpenFeature could not be told %s", event.value, exc_info=True)


_EVENTS: Final = {
    Condition.WELL: ProviderEvent.PROVIDER_READY,
    Condition.STALE: ProviderEvent.PROVIDER_STALE,
    Condition.UNABLE: ProviderEvent.PROVIDER_ERROR,
}


def _event_details(condition: Condition, decision: Decision) -> ProviderEventDetails:
    if condition is Condition.UNABLE:
        return ProviderEventDetails(message=_why(decision), error_code=ErrorCode.GENERAL)
    if condition is Condition.STALE:
        return ProviderEventDetails(message="Stripe fails: customers seen lately keep what they have")
    return ProviderEventDetails(message="Stripe answers again")


def _customer(context: EvaluationContext | None) -> object:
    key = None if context is None else context.targeting_key
    if key is None or key == "":
        raise TargetingKeyMissingError("no targeting key: give Stripe's customer id, such as 'cus_123'")
    return key


def _metadata(decision: Decision) -> dict[str, bool | int | float | str]:
    """Say why, in what OpenFeature allows: plain values. The customer's id isn't among them."""
    metadata: dict[str, bool | int | float | str] = {
        "reason": decision.reason.value,
        "source": decision.source.value,
    }
    if decision.age is not None:
        metadata["age"] = decision.age
    if decision.unlock_with:
        metadata["unlock_with"] = ", ".join(offer.name for offer in decision.unlock_with)
    if decision.retry_after is not None:
        metadata["retry_after"] = decision.retry_after
    return metadata


def _why(decision: Decision) -> str:
    detail = _CUSTOMER.sub("cus_…", decision.detail)  # Stripe's words, perhaps about whoever met the same before
    return f"cannot tell whether the customer has {decision.feature!r}: {detail}"


def _unknown(feature: str) -> str:
    return f"no feature has the lookup key {feature!r}: create it in Stripe, or check its spelling"


def _fault(error: Exception, flag_key: str, default: T) -> FlagResolutionDetails[T]:
    """Turn what was raised into the code that OpenFeature has for it."""
    if isinstance(error, TargetingKeyMissingError):
        return _error(default, ErrorCode.TARGETING_KEY_MISSING, error.error_message or "")
    if isinstance(error, UnknownFeature):
        return _error(default, ErrorCode.FLAG_NOT_FOUND, str(error))
    if isinstance(error, InvalidInput):
        code = ErrorCode.INVALID_CONTEXT if _is_key(flag_key) else ErrorCode.FLAG_NOT_FOUND
        return _error(default, code, str(error))
    _log.error("flag %s could not be evaluated", shown(flag_key), exc_info=error)
    return _error(default, ErrorCode.GENERAL, f"{type(error).__name__}: the log of 'entitlements' says where")


def _is_key(flag_key: object) -> bool:
    try:
        feature_key(flag_key)
    except InvalidInput:
        return False
    return True


def _mismatch(flag_key: str, default: T) -> FlagResolutionDetails[T]:
    what = f"feature {shown(flag_key)} is a boolean, as every feature: ask for its boolean value"
    return _error(default, ErrorCode.TYPE_MISMATCH, what)


def _error(
    default: T, code: ErrorCode, message: str, metadata: Mapping[str, bool | int | float | str] | None = None
) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(
        value=default, error_code=code, error_message=message, reason=Reason.ERROR, flag_metadata=metadata or {}
    )
