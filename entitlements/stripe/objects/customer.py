"""A customer."""

from __future__ import annotations

from typing import Literal

from entitlements.stripe.objects.base import Id, StripeObject
from entitlements.stripe.objects.metadata import Metadata, MetadataField

__all__ = ["Customer"]


class Customer(StripeObject):
    """`customer`. A deleted one is still answered for, with `deleted` and little else."""

    id: Id
    object: Literal["customer"]
    deleted: bool = False
    email: str | None = None
    livemode: bool | None = None  # not on a deleted one
    metadata: MetadataField = Metadata()
    name: str | None = None
