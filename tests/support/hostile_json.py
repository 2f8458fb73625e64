"""Spoil JSON: first what it says, member by member, then how it is written, then its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hostile_bytes import spoilt_bytes
from hostile_texts import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fuzzing import Dice

__all__ = ["spoilt_json", "written"]

_WRONG: Final = (
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2147483648",
    "9223372036854775808",
    "0.5",
    "-0.0",
    '""',
    "[]",
    "{}",
    "[[]]",
    "[null]",
    '{"id": null}',
    '{"": ""}',
    '"list"',
    '"event"',
    '"ent_1"',
    '"cus_2"',
)

# What stands in a text and in no value: `written` puts it in where a value was to be.
_RAW: Final = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1E+999",
    "1e-999",
    "9" * 33,
    "9" * 32,
    "9" * 5_000,
    "-" + "9" * 32,
    "0." + "3" * 5_000,
    "01",
    "+1",
    ".5",
    "1.",
    "-",
    "-0",
    "1e",
    "0x10",
    "1_0",
    "True",
    "nul",
    "undefined",
    "'x'",
    '"',
    '"\\"',
    '"\\x41"',
    '"\\u12"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\\\ud800"',
    '"\\u0000"',
    '"\x00"',
    '"\n"',
    '"\x7f"',
    "",
    ",",
    "1,",
    "1 2",
    "[1,]",
    "{1:2}",
    '{"a"}',
    '{"a":1,}',
    '{"a":1 "b":2}',
    "[",
    "]",
    "{",
    "}",
    "/**/1",
    "\xa01",
    "٣",
)


def spoilt_json(dice: Dice, template: str, *, times: int | None = None, words: Sequence[str] = ()) -> bytes:
    """Write a valid document, spoilt in some ways; `words` are texts that mean something where it is read."""
    tree = json.loads(template)
    raw: list[str] = []
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3)) if times is None else times):
        _spoil(dice, tree, raw, words)
    body = written(dice, tree, raw)
    return spoilt_bytes(dice, body) if dice.odds(0.2) else body


def written(dice: Dice, tree: object, raw: Sequence[str] = ()) -> bytes:
    """Write a tree as one of JSON's many spellings of it."""
    plain = dice.odds(0.5)
    separators = dice.choice(((",", ":"), (", ", ": "), (" ,\n", "\t:\r\n")))
    out = json.dumps(tree, ensure_ascii=plain, separators=separators)
    for index, each in enumerate(raw):
        out = out.replace(f'"@raw {index}@"', each)
    return out.encode("utf-8", "surrogatepass")


def _spoil(dice: Dice, tree: Any, raw: list[str], words: Sequence[str]) -> None:
    places = _places(tree)
    if not places:
        return
    holder, key = dice.choice(places)
    dice.pick(_IN_OBJECT if isinstance(holder, dict) else _IN_ARRAY)(_Place(dice, tree, holder, key, raw, words))


@dataclass
class _Place:
    """A place in a tree, and what a trick may want to know about it."""

    dice: Dice
    tree: Any
    holder: Any
    key: Any
    sources: list[str]
    words: Sequence[str]

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: object) -> None:
        self.holder[self.key] = value

    def raw(self, source: str) -> str:
        self.sources.append(source)
        return f"@raw {len(self.sources) - 1}@"


def _places(tree: object) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    left: list[Any] = [tree] if isinstance(tree, dict | list) else []
    while left:
        holder = left.pop()
        inside: Any = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in inside:
            found.append((holder, key))
            if isinstance(value, dict | list):
                left.append(value)
    return found


def _remove(at: _Place) -> None:
    del at.holder[at.key]


def _wrong_value(at: _Place) -> None:
    at.put(json.loads(at.dice.choice(_WRONG)))


def _hostile_text(at: _Place) -> None:
    at.put(text(at.dice))


def _telling_word(at: _Place) -> None:
    at.put(at.dice.choice(at.words) if at.words else "x")


def _hostile_source(at: _Place) -> None:
    at.put(at.raw(at.dice.choice(_RAW)))


def _nest(at: _Place) -> None:
    opening, closing = at.dice.choice((("[", "]"), ('{"a":', "}")))
    levels = at.dice.choice((1, 2, 58, 59, 60, 61, 62, 63, 64, 65, 66, 500))
    inside = "1" if opening != "[" or at.dice.odds(0.5) else ""
    at.put(at.raw(opening * levels + inside + closing * (levels if at.dice.odds(0.8) else 0)))


def _wrap(at: _Place) -> None:
    at.put(at.dice.choice(([at.value], {"id": at.value}, {"object": at.value}, json.dumps(at.value))))


def _other_type(at: _Place) -> None:
    value = at.value
    if isinstance(value, bool):
        at.put(at.dice.choice((int(value), str(value).lower(), [value], not value)))
    elif isinstance(value, str):
        at.put(at.dice.choice((list(value), len(value), {"id": value}, {"id": value, "object": "customer"}, None)))
    elif isinstance(value, dict | list):
        at.put(at.dice.choice((str(value), list(value), len(value), None, False)))
    else:
        at.put(str(value))


def _twin(at: _Place) -> None:
    """Name a member twice: alike or not, plainly or by an escape."""
    value = json.dumps(at.value)
    other = at.dice.choice((value, '"x"', "null"))
    name = json.dumps(at.key)
    if at.dice.odds(0.3) and at.key:
        name = f'"\\u{ord(at.key[0]) & 0xFFFF:04x}{json.dumps(at.key[1:])[1:]}'
    at.put(at.raw(f"{value},{name}:{other}"))


def _rename(at: _Place) -> None:
    name = at.dice.choice((at.key.upper(), f"{at.key} ", f"\ufeff{at.key}", f"{at.key}\x00", text(at.dice)))
    at.holder[name] = at.holder.pop(at.key)


def _add_member(at: _Place) -> None:
    name = at.dice.choice(("account", "context", "customer", "livemode", "object", "error", "id", text(at.dice)))
    words = at.words or ("x",)
    at.holder[name] = at.dice.choice((text(at.dice), at.dice.choice(words), json.loads(at.dice.choice(_WRONG))))


def _swap(at: _Place) -> None:
    holder, key = at.dice.choice(_places(at.tree))
    mine, other = at.value, holder[key]
    if _holds(mine, holder) or _holds(other, at.holder):
        return  # a tree can't be put into itself
    at.put(other)
    holder[key] = mine


def _holds(tree: object, wanted: object) -> bool:
    return isinstance(tree, dict | list) and any(holder is wanted for holder, _ in _places(tree))


def _empty(at: _Place) -> None:
    at.put(type(at.value)())


def _repeat_item(at: _Place) -> None:
    at.holder.insert(at.key, at.value)


def _reverse(at: _Place) -> None:
    at.holder.reverse()


_ANYWHERE: Final[tuple[Callable[[_Place], None], ...]] = (
    _remove,
    _wrong_value,
    _hostile_text,
    _telling_word,
    _hostile_source,
    _nest,
    _wrap,
    _other_type,
    _swap,
    _empty,
)
_IN_OBJECT: Final = (*_ANYWHERE, _twin, _rename, _add_member)
_IN_ARRAY: Final = (*_ANYWHERE, _repeat_item, _reverse)
