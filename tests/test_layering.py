"""The house: arrows point down, every room says what it is, and what is public is what the design names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "entitlements"

# From the ground up. A module may import from its own floor and from the floors below it.
FLOORS = [
    {
        "errors",
        "boot",
        "clocks",
        "extras",
        "forks",
        "seldom",
        "somebody",
        "requirement",
        "pinned",
        "question",
        "stats",
        "overridden",
    },
    {"decision", "freshness", "token", "watchdog", "stripe", "settings", "observed", "health", "terms"},
    {"cache"},
    {"catalog"},
    {"sources", "feeds", "judge"},
    {"core"},
    {"customer", "resolver"},
    {"bound"},
    {"asked"},
    {"guard"},
    {"gate"},
    {"audit"},
    {"", "web", "openfeature", "testing"},
    {"demo", "cli", "__main__"},
]
BESIDE = {"emulator"}  # imports nothing of the library, and is imported by cli, demo and testing only


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    """Name the room a module stands in: its folder, or itself if it stands at the top."""
    parts = path.relative_to(ROOT).parts
    return parts[0].removesuffix(".py").replace("__init__", "") if len(parts) == 1 else parts[0]


def imported(path: Path) -> set[str]:
    """Name the rooms a module imports from, wherever in it the import stands; annotations' own imports excepted."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    types_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in types_only:
            continue
        if isinstance(node, ast.Import):
            found |= {_room_of(alias.name) for alias in node.names if alias.name.split(".")[0] == "entitlements"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "entitlements":
            assert node.level == 0
            found |= {_room_of(f"{node.module}.{alias.name}") for alias in node.names}
    return found


def _room_of(name: str) -> str:
    parts = name.split(".")
    inside = ROOT / parts[1] if len(parts) > 1 else ROOT
    return parts[1] if len(parts) > 1 and (inside.is_dir() or inside.with_suffix(".py").exists()) else ""


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down(path: Path):
    """No module imports from a floor above its own; the emulator stands beside the house."""
    here = room(path)
    for there in imported(path) - {here}:
        if here in BESIDE:
            pytest.fail(f"{path.name} imports {there or 'entitlements'}: the emulator imports nothing of the library")
        if there in BESIDE:
            assert here in {"cli", "demo", "testing"}, f"{path.name} imports the emulator"
            continue
        assert floor(there) <= floor(here), f"{here or 'entitlements'} imports {there}: that arrow points up"


def test_every_room_is_on_some_floor():
    """A new room is given its place before it is moved into."""
    assert {room(path) for path in modules()} == set().union(*FLOORS) | BESIDE


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_in_its_first_line(path: Path):
    """Style 1: a reader learns from the first line what lives there."""
    text = path.read_text()
    if text.strip():
        line = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        assert line, f"{path.name} has no first line"
        assert len(line) <= 116


def test_importing_the_library_loads_nothing_heavy():
    """`import entitlements` is light: no framework, no redis, and neither requests nor pydantic nor asyncio."""
    script = "import sys, entitlements; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "requests",
        "pydantic",
        "asyncio",
        "redis",
        "urllib3",
        "ssl",
        "starlette",
        "typer",
        "rich",
        "stripe",
        "http",
    }
    assert heavy.isdisjoint(loaded)


def test_importing_the_test_kit_loads_nothing_heavy():
    """`import entitlements.testing` is as light: neither pytest nor requests nor the emulator until a name is used."""
    script = "import sys, entitlements.testing; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {"pytest", "_pytest", "requests", "urllib3", "asyncio", "selectors", "starlette"}.isdisjoint(loaded)


def test_the_public_names_are_these():
    """What is promised is written down once, and a name more or less is a decision."""
    import entitlements

    assert sorted(entitlements.__all__) == [
        "Decision",
        "Entitlements",
        "EntitlementsError",
        "EntitlementsUnavailable",
        "FeatureClass",
        "FeatureRequired",
        "Fetch",
        "FetchOutcome",
        "Freshness",
        "InvalidInput",
        "InvalidSettings",
        "Limits",
        "NotConfigured",
        "Offer",
        "Pinned",
        "Reason",
        "SignatureError",
        "Source",
        "StripeError",
        "UnknownFeature",
        "configure",
        "requires_feature",
    ]
    assert all(getattr(entitlements, name).__doc__ for name in entitlements.__all__)
    public = {
        name for name in vars(entitlements) if name.isidentifier() and not name.startswith("_")
    }  # pytest adds two
    rooms = {path.name.removesuffix(".py") for path in ROOT.iterdir()}
    assert public - rooms == set(entitlements.__all__)


def test_the_test_kit_s_public_names_are_these():
    """What a test may import from `entitlements.testing` is there, is documented, and is all there is."""
    from entitlements import testing

    assert sorted(testing.__all__) == [
        "Ask",
        "CacheContract",
        "EmulatedStripe",
        "Endpoint",
        "FaultProxy",
        "GateContract",
        "ManualClock",
        "OverrideOutsideTests",
        "Reply",
        "SharedCacheContract",
        "Shop",
        "SourceContract",
        "SourceWorld",
        "StaticSource",
        "override",
    ]
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'FaultyProxy'"):
        testing.FaultyProxy  # noqa: B018 - asking for it is the test


def test_every_public_method_says_what_it_does():
    """A public docstring begins with an imperative line and ends it with a full stop or a colon."""
    from entitlements import Entitlements
    from entitlements.customer import Customer
    from entitlements.testing import EmulatedStripe, FaultProxy, ManualClock, StaticSource

    for kind in (Entitlements, Customer, EmulatedStripe, FaultProxy, ManualClock, StaticSource):
        for name in dir(kind):
            if not name.startswith("_") and callable(getattr(kind, name)):
                line = (getattr(kind, name).__doc__ or "").strip().partition("\n")[0]
                assert line[:1].isupper(), f"{kind.__name__}.{name}"
                assert line.rstrip("`").endswith((".", ":")), f"{kind.__name__}.{name}: {line}"


def test_every_asking_method_has_its_a_twin():
    """I19: what can be asked can be awaited, with the same parameters."""
    import inspect

    from entitlements import Entitlements
    from entitlements.customer import Customer

    twins = {
        Entitlements: ["has_feature", "check", "require", "invalidate", "refresh", "handle_webhook"],
        Customer: ["has_feature", "check", "require", "pinned"],
    }
    for kind, names in twins.items():
        for name in names:
            one, other = inspect.signature(getattr(kind, name)), inspect.signature(getattr(kind, f"a{name}"))
            assert one.parameters == other.parameters, name


def test_the_whole_of_it_names_no_registry_and_no_machine():
    """What is shipped speaks of the project alone."""
    for path in [*modules(), *ROOT.parent.glob("*.*"), *ROOT.parent.glob("docs/**/*.md")]:
        text = path.read_text(errors="replace") if path.is_file() else ""
        assert "pypi" + ".org" not in text
        assert "python" + "hosted" not in text
