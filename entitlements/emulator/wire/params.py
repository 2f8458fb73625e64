"""Kinds of parameters: what an endpoint accepts, and Stripe's words for what it doesn't."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from entitlements.emulator.wire.errors import ApiError, invalid, missing_parameter, unknown_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entitlements.emulator.store import Json

__all__ = [
    "Choice",
    "Fields",
    "Flag",
    "Items",
    "Kind",
    "Metadata",
    "Moment",
    "Range",
    "Spec",
    "Text",
    "Whole",
    "given",
    "merged",
    "read",
]


class Kind(Protocol):
    """Read one parameter's raw form value, or refuse it."""

    @property
    def required(self) -> bool:
        """Say whether a request without it is refused."""
        ...

    def read(self, name: str, raw: object) -> object:
        """Turn what the form carried into a value."""
        ...


Spec: TypeAlias = "Mapping[str, Kind]"


def read(spec: Spec, raw: Mapping[str, object], within: str = "") -> Json:
    """Read the parameters an endpoint has; refuse those it hasn't and the want of those it needs."""
    for name in raw:
        if name not in spec:
            raise unknown_parameter(_nested(within, name))
    for name, kind in spec.items():
        if kind.required and name not in raw:
            raise missing_parameter(_nested(within, name))
    return {name: spec[name].read(_nested(within, name), value) for name, value in raw.items()}


def _nested(within: str, name: str) -> str:
    return f"{within}[{name}]" if within else name


@dataclass(frozen=True, slots=True)
class Text:
    """A string; empty unsets it where that is allowed (it reads as None)."""

    longest: int = 5_000
    required: bool = False
    unsets: bool = False

    def read(self, name: str, raw: object) -> str | None:
        """Refuse what is no string, is too long, or is empty without leave."""
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {_quoted(raw)}", name, "parameter_invalid_string")
        if not raw.strip():
            if self.unsets:
                return None
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty "
                f"value, '{name}' cannot be unset.",
                name,
                "parameter_invalid_empty",
            )
        if len(raw) > self.longest:
            raise invalid(f"Invalid string: {raw[:20]}...; must be at most {self.longest} characters", name)
        return raw


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    required: bool = False

    def read(self, name: str, raw: object) -> bool:
        """Refuse anything but `true` and `false`."""
        if raw not in {"true", "false"} if isinstance(raw, str) else True:
            raise invalid(f"Invalid boolean: {_quoted(raw)}", name)
        return raw == "true"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    required: bool = False
    least: int | None = None
    most: int | None = None

    def read(self, name: str, raw: object) -> int:
        """Refuse anything but digits, and numbers out of bounds."""
        if not isinstance(raw, str) or not re.fullmatch(r"[+-]?[0-9]{1,18}", raw):
            raise invalid(f"Invalid integer: {_quoted(raw)}", name, "parameter_invalid_integer")
        number = int(raw)
        if self.least is not None and number < self.least:
            raise _out_of_bounds("greater", self.least, number, name)
        if self.most is not None and number > self.most:
            raise _out_of_bounds("less", self.most, number, name)
        return number


def _out_of_bounds(side: str, bound: int, number: int, name: str) -> ApiError:
    message = f"This value must be {side} than or equal to {bound} (it currently is '{number}')."
    return invalid(message, name, "parameter_invalid_integer")


_LATEST = 32_503_680_000  # the year 3000: nothing here reckons further


@dataclass(frozen=True, slots=True)
class Moment:
    """A Unix timestamp, or one of a few words; empty unsets it where that is allowed."""

    words: tuple[str, ...] = ()
    unsets: bool = False
    required: bool = False

    def read(self, name: str, raw: object) -> int | str | None:
        """Refuse what is neither a timestamp nor one of the words."""
        if raw == "" and self.unsets:
            return None
        return raw if isinstance(raw, str) and raw in self.words else Whole(least=0, most=_LATEST).read(name, raw)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed list of words; empty unsets it where that is allowed."""

    words: tuple[str, ...]
    required: bool = False
    unsets: bool = False

    def read(self, name: str, raw: object) -> str | None:
        """Refuse a word that isn't listed."""
        if raw == "" and self.unsets:
            return None
        if not isinstance(raw, str) or raw not in self.words:
            raise invalid(f"Invalid {name}: must be {self._listed}", name)
        return raw

    @property
    def _listed(self) -> str:
        return self.words[0] if len(self.words) == 1 else f"one of {', '.join(self.words[:-1])}, or {self.words[-1]}"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values of one kind."""

    of: Kind
    required: bool = False
    most: int | None = None

    def read(self, name: str, raw: object) -> list[object]:
        """Refuse what is no list, or is too long; `name=` is an empty one."""
        if raw == "":
            return []
        if not isinstance(raw, list):
            raise invalid("Invalid array", name)
        values = cast("list[object]", raw)
        if self.most is not None and len(values) > self.most:
            raise invalid(f"You may only specify up to {self.most} values for '{name}'.", name)
        return [self.of.read(f"{name}[{place}]", value) for place, value in enumerate(values)]


@dataclass(frozen=True, slots=True)
class Fields:
    """A hash with members of its own; empty unsets it where that is allowed."""

    spec: Spec
    required: bool = False
    unsets: bool = False

    def read(self, name: str, raw: object) -> Json | None:
        """Refuse what is no hash, and members it hasn't."""
        if raw == "" and self.unsets:
            return None
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        return read(self.spec, cast("dict[str, object]", raw), name)


@dataclass(frozen=True, slots=True)
class Range:
    """A moment, or bounds: `created=1`, `created[gte]=1`. It reads as a mapping of bounds."""

    required: bool = False

    def read(self, name: str, raw: object) -> dict[str, int]:
        """Refuse what is neither a timestamp nor bounds."""
        if not isinstance(raw, dict):
            return {"eq": Whole().read(name, raw)}
        return read(dict.fromkeys(("gt", "gte", "lt", "lte"), Whole()), cast("dict[str, object]", raw), name)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Up to 50 keys of 40 characters with values of 500; an empty value removes its key, `metadata=` all of them."""

    required: bool = False
    _value: Text = field(default=Text(unsets=True), repr=False)

    def read(self, name: str, raw: object) -> dict[str, str | None] | None:
        """Refuse too many keys, long keys, long values; None stands for a key, or the whole, to be removed."""
        if raw == "":
            return None
        if isinstance(raw, list):  # metadata[0]=a: a form can't tell a key that is a number from a place in a list
            raw = {str(place): value for place, value in enumerate(cast("list[object]", raw))}
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        pairs = cast("dict[str, object]", raw)
        return {key: self._read_value(f"{name}[{key}]", key, value) for key, value in pairs.items()}

    def _read_value(self, name: str, key: str, raw: object) -> str | None:
        value = self._value.read(name, raw)
        if len(key) > _LONGEST_KEY:
            raise _too_long("keys", _LONGEST_KEY, key)
        if value is not None and len(value) > _LONGEST_VALUE:
            raise _too_long("values", _LONGEST_VALUE, value)
        return value


_LONGEST_KEY, _LONGEST_VALUE, MOST_KEYS = 40, 500, 50


def _too_long(what: str, longest: int, given: str) -> ApiError:
    return invalid(
        f"Metadata {what} can have up to {longest} characters, but you passed in one that is {len(given)} characters. "
        f"Invalid: {given[:20]}...",
        "metadata",
    )


def merged(metadata: dict[str, str], update: dict[str, str | None] | None) -> dict[str, str]:
    """Apply an update to an object's metadata.

    >>> merged({"a": "1", "b": "2"}, {"b": None, "c": "3"})
    {'a': '1', 'c': '3'}
    >>> merged({"a": "1"}, None)
    {}
    """
    if update is None:
        return {}
    result = {key: value for key, value in {**metadata, **update}.items() if value is not None}
    if len(result) > MOST_KEYS:
        raise invalid(f"Metadata can have up to {MOST_KEYS} keys; this would make {len(result)}.", "metadata")
    return result


def given(params: Json, names: Iterable[str]) -> Json:
    """Pick the parameters of these names that were given.

    >>> given({"name": "Pro", "expand": []}, ("name", "url"))
    {'name': 'Pro'}
    """
    return {name: params[name] for name in names if name in params}


def _quoted(raw: object) -> str:
    if isinstance(raw, list):  # Stripe quotes an array by its indices
        raw = {str(index): each for index, each in enumerate(cast("list[object]", raw))}
    return raw if isinstance(raw, str) else json.dumps(raw, separators=(",", ":"))
