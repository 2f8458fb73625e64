"""What a `customer=` gave, seen through what frameworks put in a user's place."""

from __future__ import annotations

from typing import Any, cast

__all__ = ["somebody"]


def somebody(who: object) -> object:
    """Give who is meant; `None` is nobody.

    A werkzeug proxy, as Flask's `g` and Flask-Login's `current_user` are, stands for what it leads to. A stand-in for
    nobody, Django's or Flask-Login's, says `is_anonymous`; a guest who has bought, and so has an id, is somebody.

    >>> class AnonymousUser:
    ...     is_anonymous = True
    >>> somebody(AnonymousUser()) is None, somebody("cus_123")
    (True, 'cus_123')
    """
    if who is None or type(who) is str:
        return who
    while hasattr(type(who), "_get_current_object"):  # of its type: a proxy answers as what it stands for
        who = cast("Any", who)._get_current_object()  # noqa: SLF001 - it is what werkzeug documents for this
    if getattr(who, "is_anonymous", False) is True and not getattr(who, "stripe_customer_id", None):
        return None
    return who
