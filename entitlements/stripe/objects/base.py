"""What every object of Stripe's has in common here: frozen, strict on what is needed, blind to the rest."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

__all__ = ["Id", "Reference", "StripeObject"]

Id = Annotated[str, StringConstraints(min_length=1)]


def _id_of(value: object) -> object:
    """Take the id of an object that Stripe sent expanded."""
    return cast("dict[str, object]", value).get("id") if isinstance(value, dict) else value


Reference = Annotated[Id, BeforeValidator(_id_of)]


class StripeObject(BaseModel):
    """A value from Stripe. Fields that are named here must be there and be right; others are let go."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")
