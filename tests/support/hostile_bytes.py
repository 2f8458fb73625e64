"""Spoil a text as it travels: cut, doubled, overwritten, encoded otherwise, wrapped in something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fuzzing import Dice

__all__ = ["spoilt_bytes"]


def spoilt_bytes(dice: Dice, body: bytes) -> bytes:
    return dice.pick(_TRICKS)(dice, body)


def _cut_off(dice: Dice, body: bytes) -> bytes:
    return body[: dice.randrange(len(body) + 1)]


def _delete(dice: Dice, body: bytes) -> bytes:
    start = dice.randrange(len(body) + 1)
    return body[:start] + body[start + dice.choice((1, 1, 3, 20)) :]


def _repeat(dice: Dice, body: bytes) -> bytes:
    start = dice.randrange(len(body) + 1)
    return body[: start + dice.choice((1, 1, 3, 20))] + body[start:]


def _insert(dice: Dice, body: bytes) -> bytes:
    start = dice.randrange(len(body) + 1)
    return body[:start] + _junk(dice) + body[start:]


def _overwrite(dice: Dice, body: bytes) -> bytes:
    start = dice.randrange(len(body) + 1)
    junk = _junk(dice)
    return body[:start] + junk + body[start + len(junk) :]


def _flip_bit(dice: Dice, body: bytes) -> bytes:
    if not body:
        return body
    start = dice.randrange(len(body))
    return body[:start] + bytes([body[start] ^ 1 << dice.randrange(8)]) + body[start + 1 :]


def _encode_otherwise(dice: Dice, body: bytes) -> bytes:
    encoding = dice.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "utf-7"))
    return body.decode("utf-8", "replace").encode(encoding, "replace")


def _surround(dice: Dice, body: bytes) -> bytes:
    before, after = dice.choice(_SURROUNDINGS)
    return before + body + after


def _twice(dice: Dice, body: bytes) -> bytes:
    return body + dice.choice((b"", b"\n", b",")) + body


def _junk(dice: Dice) -> bytes:
    return dice.choice(_JUNK) if dice.odds(0.7) else dice.randbytes(dice.choice((1, 1, 2, 4)))


_SURROUNDINGS: Final = (
    (b"\xef\xbb\xbf", b""),
    (b" \t\r\n", b" \t\r\n"),
    (b"\x0b", b"\x0c"),
    (b"\xc2\xa0", b""),
    (b")]}'\n", b""),
    (b"", b"\x00"),
    (b"", b"garbage"),
    (b"<html>", b"</html>"),
    (b"[", b"]"),
    (b"cb(", b")"),
    (b"//x\n", b""),
    (b"\x1f\x8b\x08", b""),
    (b"", b" " * 1_000),
)
_JUNK: Final = (
    b"\x00",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc3",
    b"\x80",
    b'"',
    b"\\",
    b"\\u",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b" ",
    b"0",
    b"9" * 40,
    b"e9",
    b"-",
    b"null",
    b"NaN",
    b'"id":"x",',
)
_TRICKS: Final = (
    _cut_off,
    _delete,
    _repeat,
    _insert,
    _overwrite,
    _flip_bit,
    _encode_otherwise,
    _surround,
    _twice,
)
