"""The pytest plugin: fixtures and marks for applications that sell through Stripe.

pytest finds it by itself once the library is installed. Nothing is loaded before a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from entitlements.errors import InvalidInput
from entitlements.stripe.ids import customer_id, feature_key, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from entitlements import Entitlements
    from entitlements.testing import EmulatedStripe, StaticSource

_NAMES: Final = ("entitlements", "entitlements.testing.pytest_plugin")  # as installed, and as given by -p
_CUSTOMER: Final = "cus_test"
_MARKS: Final = {
    "entitled": 'entitled(*features, customer="cus_test"): the customer has the features in this test',
    "both_ways": 'both_ways(*features, customer="cus_test"): run this test twice, with the features and without; '
    "the fixture `entitled` says which",
}


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def entitlements_source() -> StaticSource:
    """Give the source that the fixture `entitlements` asks: change it, or give another one in your conftest.py.

    Raises:
        InvalidInput: from its methods, a customer or a key that can't be one.

    Example:
        @pytest.fixture
        def entitlements_source():
            return StaticSource.from_toml("tests/plans.toml")
    """
    from entitlements.testing import StaticSource  # noqa: PLC0415 - when it is used

    return StaticSource()


@pytest.fixture
def entitlements(entitlements_source: StaticSource) -> Generator[Entitlements]:
    """Give an instance over `entitlements_source`, which gates find without being told, until the test ends.

    It is strict, reads nothing from the environment, and knows of each change of its source at once.

    Raises:
        UnknownFeature: from its questions, where the source has a catalogue that lacks the key.

    Example:
        def test_the_export_is_gated(entitlements, entitlements_source):
            assert not entitlements.has_feature("cus_1", "exports")
            entitlements_source.grant("cus_1", "exports")
            assert entitlements.has_feature("cus_1", "exports")
    """
    from entitlements import Entitlements, configure  # noqa: PLC0415 - when it is used
    from entitlements.bound import configured  # noqa: PLC0415 - likewise
    from entitlements.testing.environment import without_stripe_s_variables  # noqa: PLC0415 - likewise

    with without_stripe_s_variables():
        ents = Entitlements(source=entitlements_source, strict=True)
    tell = getattr(entitlements_source, "on_change", None)  # a source of one's own may have no such thing
    if tell is not None:
        tell(ents.invalidate)
    before = configured()
    configure(ents)
    with ents:
        yield ents
        configure(before)


@pytest.fixture
def entitled(request: pytest.FixtureRequest) -> bool:
    """Say whether this is the run with the features, in a test marked `both_ways`.

    Raises:
        UsageError: the test has no such mark.

    Example:
        @pytest.mark.both_ways("exports")
        def test_the_export(client, entitled):
            assert client.get("/export").status_code == (200 if entitled else 402)
    """
    which: bool | None = getattr(request, "param", None)
    if which is None:
        pytest.fail(
            "the fixture 'entitled' says which way a test runs, and this one runs one way: mark it with "
            '@pytest.mark.both_ways("exports")',
            pytrace=False,
        )
    return which


@pytest.fixture
def stripe_catalog() -> Mapping[str, object] | str | Path | None:
    """Give the catalogue that `stripe_emulator` starts from: give another one in your conftest.py, or a file's path.

    Example:
        @pytest.fixture
        def stripe_catalog():
            return "tests/catalog.toml"
    """
    return None


@pytest.fixture
def stripe_emulator(stripe_catalog: Mapping[str, object] | str | Path | None) -> Generator[EmulatedStripe]:
    """Give a Stripe of this test's own, on loopback: see `entitlements.testing.EmulatedStripe`.

    Raises:
        CatalogError: `stripe_catalog` breaks a rule.

    Example:
        def test_buying_unlocks(stripe_emulator):
            ents = stripe_emulator.entitlements()
            stripe_emulator.subscribe("cus_1", "pro", features=["exports"])
            assert ents.has_feature("cus_1", "exports")
    """
    try:
        from entitlements.testing import EmulatedStripe  # noqa: PLC0415 - when it is used
    except ModuleNotFoundError as missing:
        pytest.fail(
            f"stripe_emulator needs {missing.name!r}, which isn't installed: pip install 'entitlements[emulator]'",
            pytrace=False,
        )
    with EmulatedStripe(stripe_catalog) as stripe:
        yield stripe


@pytest.fixture(autouse=True)
def _as_marked(request: pytest.FixtureRequest) -> None:
    """Let the source say what the test's marks say."""
    marks = _marks_of(request.node)
    if not marks:
        return
    request.getfixturevalue("entitlements")
    source: StaticSource = request.getfixturevalue("entitlements_source")
    for mark in marks:
        if mark.both_ways and not request.getfixturevalue("entitled"):
            source.revoke(mark.customer, *mark.features)
        else:
            source.grant(mark.customer, *mark.features)


# --- marks -----------------------------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    """What one mark says."""

    both_ways: bool
    features: tuple[str, ...]
    customer: str


def _marks_of(node: pytest.Item) -> list[_Mark]:
    """Read a test's marks, `both_ways` last: what runs both ways is settled by nothing else."""
    marks = [_read(mark) for mark in node.iter_markers("entitled")]
    return marks + [_read(mark) for mark in node.iter_markers("both_ways")]


def _read(mark: pytest.Mark) -> _Mark:
    written = f"@pytest.mark.{mark.name}"
    if not mark.args:
        raise pytest.UsageError(f'{written} names no feature: write {written}("exports")')
    unknown = sorted(set(mark.kwargs) - {"customer"})
    if unknown:
        raise pytest.UsageError(f"{written} has {unknown[0]}={shown(mark.kwargs[unknown[0]])}: it takes customer= only")
    try:
        features = tuple(map(feature_key, mark.args))
        customer = customer_id(mark.kwargs.get("customer", _CUSTOMER))
    except InvalidInput as error:
        raise pytest.UsageError(f"{written}: {error}") from None
    return _Mark(mark.name == "both_ways", features, customer)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, so that `--strict-markers` knows them."""
    for line in _MARKS.values():
        config.addinivalue_line("markers", line)


def pytest_plugin_registered(plugin: object, plugin_name: str, manager: pytest.PytestPluginManager) -> None:
    """Be there once, whether found by itself, named by `-p` or `pytest_plugins`, or more than one of these."""
    if plugin_name in _NAMES and plugin is manager.get_plugin(plugin_name):
        for other in _NAMES:
            if other != plugin_name and not manager.has_plugin(other):
                manager.set_blocked(other)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test both ways that is marked so."""
    if metafunc.definition.get_closest_marker("both_ways") is not None:
        if "entitled" not in metafunc.fixturenames:
            metafunc.fixturenames.append("entitled")  # the test need not care which way it runs
        metafunc.parametrize("entitled", [True, False], ids=["entitled", "not entitled"], indirect=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse marks that mean nothing before any test has run.

    Raises:
        UsageError: a mark without features, or with what can be none; or one where nothing can be run twice.
    """
    try:
        marks = _marks_of(item)
    except pytest.UsageError as error:
        raise pytest.UsageError(f"{item.nodeid}: {error}") from None
    both_ways = sum(mark.both_ways for mark in marks)
    if both_ways > 1:
        raise pytest.UsageError(f"{item.nodeid}: {both_ways} marks say both_ways: name all the features in one")
    if both_ways and not hasattr(item, "callspec"):
        raise pytest.UsageError(
            f"{item.nodeid}: both_ways runs a test twice, and pytest can do that with functions and methods of plain "
            "classes only: take it out of the unittest.TestCase"
        )
