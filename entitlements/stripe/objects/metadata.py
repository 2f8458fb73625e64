"""Metadata as Stripe sends it, read-only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

__all__ = ["Metadata", "MetadataField"]


class Metadata(Mapping[str, str]):
    """A mapping of strings that can't change, and so can be hashed."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._pairs = dict(pairs or {})

    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs.items()))

    def __repr__(self) -> str:
        return f"Metadata({self._pairs!r})"


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _read_only(value: Mapping[str, str]) -> Metadata:
    return Metadata(value)


if TYPE_CHECKING:
    MetadataField = Metadata
else:
    MetadataField = Annotated[
        Mapping[str, str], BeforeValidator(_or_empty), AfterValidator(_read_only), PlainSerializer(dict, dict[str, str])
    ]
