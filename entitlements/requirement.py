"""What a gate or a question asks for: one feature, all of several, or any of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["Requirement"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """Feature lookup keys, and whether one of them is enough.

    >>> str(Requirement(("exports", "sso")))
    'exports and sso'
    >>> Requirement(("team", "pro"), any_of=True).met_by({"pro"})
    True
    """

    features: tuple[str, ...]
    any_of: bool = False

    def met_by(self, held: AbstractSet[str]) -> bool:
        """Say whether a set of lookup keys satisfies this."""
        if len(self.features) == 1:  # nearly always, and four times as fast
            return self.features[0] in held
        return (any if self.any_of else all)(map(held.__contains__, self.features))

    def missing_from(self, held: AbstractSet[str]) -> tuple[str, ...]:
        """List the keys that a set lacks."""
        return tuple(feature for feature in self.features if feature not in held)

    def __str__(self) -> str:
        return (" or " if self.any_of else " and ").join(self.features)
