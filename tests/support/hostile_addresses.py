"""Hostile addresses: what one reader takes for this machine, and another for elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fuzzing import Dice

__all__ = ["address_like"]

_SCHEMES: Final = ("http", "http", "https", "HTTP", "ftp", "")
_HERE: Final = ("localhost", "127.0.0.1", "[::1]", "api.stripe.com")
_THERE: Final = ("evil.example", "10.0.0.1", "[2001:db8::1]")
_FORMS: Final = (
    "://{here}@{there}",
    "://{here}:80@{there}/",
    "://{there}@{here}",
    "://@{here}",
    "://:@{here}",
    "://{here}.{there}",
    "://{there}#@{here}",
    "://{there}?@{here}",
    "://{there}/@{here}",
    "://{here}\\@{there}",
    "://{there}\\@{here}",
    "://{here}%2f@{there}",
    "://{here}%00.{there}",
    "://{here}%23@{there}",
    "://{here};{there}",
    "://{here},{there}",
    "://{here}:80:81",
    "://{here}:99999",
    "://{here}:-1",
    "://{here}:0",
    "://{here}:",
    "://{here}:٣",
    "://{here}: 80",
    ":{here}",
    ":/{here}",
    ":///{here}",
    "{here}",
    "://",
    "://.",
    "://{here}.",
    "://{here}..",
    "://.{here}",
    "://-{here}",
    "://{here}/a b",
    "://{here}/\t",
    "://{here}/%0d%0aX:1",
    "://{here}/a/../..",
    "://{here}/?",
    "://{here}/#",
    "://{here}?",
    "://{here}\r\n",
    "://{here}\x00",
    "://lоcalhost",  # noqa: RUF001 - Cyrillic, that is the point
    "://ⓛocalhost",
    "://LOCALHOST:1",
    "://localhost.localhost",
    "://xlocalhost",
    "://127.1",
    "://0x7f.0.0.1",
    "://2130706433",
    "://0177.0.0.1",
    "://127.0.0.1.5",
    "://128.0.0.1",
    "://0.0.0.0",
    "://[::]",
    "://[::1",
    "://::1]",
    "://[::1]x",
    "://[::1]]",
    "://[::1%25lo]",
    "://[::1%lo]",
    "://[::ffff:127.0.0.1]",
    "://[::ffff:10.0.0.1]",
    "://[fe80::1]",
    "://[v1.x]",
    "://[127.0.0.1]",
)


def address_like(dice: Dice) -> str:
    return dice.choice(_SCHEMES) + dice.choice(_FORMS).format(here=dice.choice(_HERE), there=dice.choice(_THERE))
