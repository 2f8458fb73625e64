"""A secret that can be carried about, and never shows itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NoSecret", "Secret", "scrub"]

_KEY: Final = re.compile(r"(?<![A-Za-z0-9])((?:sk|rk|pk)_(?:test_|live_)?|whsec_)[^\s'\",;<>&)\]}]*")


def scrub(text: str) -> str:
    """Mask whatever looks like one of Stripe's keys.

    >>> scrub("Invalid API Key provided: sk_test_51Habc")
    'Invalid API Key provided: sk_test_…'
    """
    return _KEY.sub(r"\1…", text)


class Secret:
    """Hold an API key or a signing secret; what prints, logs or pickles it sees its prefix at most.

    >>> Secret("sk_test_51Habc")
    Secret('sk_test_…')
    >>> f"{Secret('hunter2')}"
    "Secret('…')"
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = str.__str__(value)  # an enum's member is the text it holds, and prints as its name

    @classmethod
    def wrapped(cls, value: object) -> object:
        """Wrap what may be a secret before it is judged, so that no frame on the way holds it bare.

        A text becomes a `Secret`, `None` stays, and whatever else it is becomes a `NoSecret`: it may hold one.
        """
        if value is None or isinstance(value, Secret | NoSecret):
            return value
        return cls(value) if isinstance(value, str) else NoSecret(value)

    @classmethod
    def all_wrapped(cls, values: object) -> object:
        """Wrap each of several, given as a list or a tuple; an empty dict is nothing, as an empty list is."""
        if isinstance(values, list | tuple):
            return tuple(map(cls.wrapped, cast("Sequence[object]", values)))
        return () if _is_empty_mapping(values) else cls.wrapped(values)

    def reveal(self) -> str:
        """Give the secret itself, for the one place that needs it."""
        return self._value

    def bearer(self) -> str:
        """Give the value of an `Authorization` header: itself to the wire, masked to whoever prints it."""
        return _Masked(f"Bearer {self._value}")

    @property
    def livemode(self) -> bool | None:
        """Tell a live key from a test key; `None` when its prefix says neither."""
        if match := re.match(r"[a-z]+_(test|live)_", self._value):
            return match[1] == "live"
        return None

    def scrub(self, text: str) -> str:
        """Mask this secret, and whatever looks like another, in a text that came from elsewhere."""
        return scrub(text.replace(self._value, "…") if self._value else text)

    def __bool__(self) -> bool:
        return bool(self._value.strip())

    def __eq__(self, other: object) -> bool:
        import hmac  # noqa: PLC0415 - it loads OpenSSL, which whoever only imports us can do without

        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        prefix = _KEY.match(self._value)
        return f"Secret('{prefix[1] if prefix else ''}…')"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled: it would be written in clear; read it again where it is needed")


class NoSecret:
    """Stand for what was given in a secret's place and is no text; of that, it keeps the type's name alone.

    >>> NoSecret(b"sk_test_51Habc")
    <bytes>
    >>> NoSecret(b"sk_test_51Habc").trouble
    'is of type bytes: decode it, since a string is wanted'
    """

    __slots__ = ("_kind",)

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    @property
    def trouble(self) -> str:
        """Say what is wrong with it, and what to do."""
        binary = self._kind in {"bytes", "bytearray", "memoryview"}
        return f"is of type {self._kind}: {'decode it, since a string is wanted' if binary else 'give a string'}"

    def __repr__(self) -> str:
        return f"<{self._kind}>"


class _Masked(str):
    """Text for the wire whose repr is masked: frames of the HTTP library, shown with their locals, print it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer …'"


def _is_empty_mapping(values: object) -> bool:
    return isinstance(values, Mapping) and not cast("Mapping[object, object]", values)


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")
