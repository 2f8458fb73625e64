"""Expansion: an id in an answer replaced by the object it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from entitlements.emulator.wire.errors import not_expandable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from entitlements.emulator.store import Json, Transaction

    Loader = Callable[[Transaction, str], Json]

__all__ = ["expanded"]

_DEEPEST = 4


def expanded(
    answer: Json, paths: Sequence[str], loaders: Mapping[tuple[str, str], Loader | None], tx: Transaction
) -> Json:
    """Expand an answer along the paths asked for, or refuse them.

    `loaders` says by object type and field what can be expanded: by which function, or None where an emulator's
    object never has one.
    """
    for path in paths:
        steps = path.split(".")
        if answer["object"] == "list" and steps[0] != "data":
            raise not_expandable(path, f" You may want to try expanding 'data.{path}' instead.")
        if len([step for step in steps if step != "data"]) > _DEEPEST:
            raise not_expandable(path)
        _walk(answer, steps, path, loaders, tx)
    return answer


def _walk(
    here: Any,  # noqa: ANN401 - JSON
    steps: list[str],
    path: str,
    loaders: Mapping[tuple[str, str], Loader | None],
    tx: Transaction,
) -> None:
    if isinstance(here, list):
        for part in cast("list[object]", here):
            _walk(part, steps, path, loaders, tx)
    elif steps and isinstance(here, dict):
        fields = cast("Json", here)
        _expand_field(fields, steps, path, loaders, tx)
        _walk(fields.get(steps[0]), steps[1:], path, loaders, tx)


def _expand_field(
    fields: Json, steps: list[str], path: str, loaders: Mapping[tuple[str, str], Loader | None], tx: Transaction
) -> None:
    step, held = steps[0], fields.get(steps[0])
    passing = isinstance(held, dict | list) and (len(steps) > 1 or step == "data")
    whole = isinstance(held, dict) and "object" in held  # an object that is always given whole
    reference = (str(fields.get("object")), step)
    if reference not in loaders and not (passing or whole):
        raise not_expandable(path)
    loader = loaders.get(reference)
    if loader is not None and isinstance(held, str):
        fields[step] = loader(tx, held)
