"""Features: what a product can grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from entitlements.stripe import ids
from entitlements.stripe.objects import Feature
from entitlements.stripe.resources.base import Resource, segment
from entitlements.stripe.resources.values import flag
from entitlements.stripe.resources.values import metadata as checked_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.clocks import Deadline
    from entitlements.stripe.pages import Listing

__all__ = ["Features"]

_PATH: Final = "/v1/entitlements/features"


class Features(Resource):
    """Read and change the features of the account.

    Every method raises `InvalidInput` before any I/O for an argument that can't be right, and `StripeError` for what
    Stripe answers or doesn't; `deadline` is the moment for the whole of it, the client's `timeout` by default.
    """

    __slots__ = ()

    def list(
        self, *, lookup_key: str | None = None, archived: bool | None = None, deadline: Deadline | None = None
    ) -> Listing[Feature]:
        """List features, newest first, whole. Stripe leaves archived ones out unless `archived=True`."""
        key = None if lookup_key is None else ids.feature_key(lookup_key)
        return self._whole(Feature, _PATH, {"lookup_key": key, "archived": flag(archived, "archived")}, deadline)

    def retrieve(self, feature: str, *, deadline: Deadline | None = None) -> Feature:
        """Read one feature by its id."""
        return self._get(Feature, _path(feature), deadline)

    def create(
        self,
        lookup_key: str,
        name: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
        deadline: Deadline | None = None,
    ) -> Feature:
        """Make a feature. Its lookup key can't be changed later, and is unique among features not archived."""
        params = {
            "lookup_key": ids.feature_key(lookup_key),
            "name": ids.name(name),
            "metadata": checked_metadata(metadata),
        }
        return self._post(Feature, _PATH, params, deadline, idempotency_key)

    def update(
        self,
        feature: str,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | Literal[""] | None = None,
        deadline: Deadline | None = None,
    ) -> Feature:
        """Rename a feature, or change its metadata: a key given `""` is removed, `metadata=""` clears all of it."""
        params = {"name": None if name is None else ids.name(name), "metadata": checked_metadata(metadata)}
        return self._post(Feature, _path(feature), params, deadline)

    def archive(self, feature: str, *, deadline: Deadline | None = None) -> Feature:
        """Archive a feature, for good: nobody who holds it loses it, and its lookup key is free again."""
        return self._post(Feature, _path(feature), {"active": False}, deadline)


def _path(feature: object) -> str:
    return f"{_PATH}/{segment(feature, what='feature id', example='feat_123')}"
