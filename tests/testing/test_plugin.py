"""The pytest plugin, as an application's own tests meet it: each in a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
PLUGIN = "entitlements.testing.pytest_plugin"
NAMED = ("-p", PLUGIN)


@pytest.fixture(name="run")
def _run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Write some tests, and run them with the plugin where every warning is an error."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # whether or not ours is installed, and faster
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*files: str, conftest: str = "", options: tuple[str, ...] = NAMED) -> pytest.RunResult:
        pytester.makepyfile(*files)
        if conftest:
            pytester.makeconftest(conftest)
        return pytester.runpytest_subprocess(*options, "--strict-markers", "-W", "error", "-rA", timeout=50)

    return run


# --- entitlements ----------------------------------------------------------------------------------------------------


def test_an_instance_and_its_source(run):
    """`entitlements` asks `entitlements_source`, knows of its changes at once, and is strict where there is a
    catalogue to be strict by."""
    run(
        """
        import pytest
        from entitlements import UnknownFeature
        from entitlements.testing import StaticSource

        @pytest.fixture
        def entitlements_source():
            return StaticSource({"cus_1": []}, products={"pro": {"features": ["exports"]}})

        def test_changes(entitlements, entitlements_source):
            seen = [entitlements.has_feature("cus_1", "exports")]
            entitlements_source.grant("cus_1", "exports")
            seen.append(entitlements.has_feature("cus_1", "exports"))
            entitlements_source.revoke("cus_1", "exports")
            seen.append(entitlements.has_feature("cus_1", "exports"))
            assert seen == [False, True, False]

        def test_strict(entitlements):
            with pytest.raises(UnknownFeature):
                entitlements.check("cus_1", "export")
        """
    ).assert_outcomes(passed=2)


def test_a_source_of_one_s_own_that_tells_of_no_change(run):
    """Any object that keeps the contract will do."""
    run(
        """
        import pytest
        from entitlements.sources.contract import Holding

        @pytest.fixture
        def entitlements_source():
            class Mine:
                def fetch(self, customer, deadline):
                    return Holding(frozenset({"exports"}))
            return Mine()

        def test_mine(entitlements):
            assert entitlements.has_feature("cus_1", "exports")
        """
    ).assert_outcomes(passed=1)


def test_gates_find_the_instance_and_what_was_configured_before_comes_back(run):
    """The instance is the default for a test, is closed after it, and hides what the application configured."""
    run(
        """
        import pytest
        import entitlements as library
        from entitlements import Entitlements, NotConfigured, requires_feature
        from entitlements.bound import configured
        from entitlements.testing import StaticSource

        made = []
        mine = Entitlements(source=StaticSource())

        @requires_feature("exports", customer=lambda: "cus_1")
        def export():
            return "exported"

        def test_before():
            with pytest.raises(NotConfigured):
                export()
            library.configure(mine)

        def test_within(entitlements, entitlements_source):
            entitlements_source.grant("cus_1", "exports")
            assert export() == "exported"
            assert configured() is entitlements is not mine
            made.append(entitlements)

        def test_after():
            assert configured() is mine
            assert made[0].check("cus_1", "exports").detail == "this instance was closed"
            library.configure(None)
            mine.close()
        """
    ).assert_outcomes(passed=3)


def test_a_developer_s_own_key_has_no_business_in_a_test(run, monkeypatch):
    """Nothing is read from the environment, right or wrong, and it is left as it was."""
    environ = {
        "STRIPE_ACCOUNT": "acct_mine",
        "STRIPE_API_BASE": "ftp://nowhere",
        "STRIPE_API_KEY": "pk_live_mine",
        "STRIPE_WEBHOOK_SECRET": "whsec_mine",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    run(
        f"""
        import os
        import pytest
        from entitlements import NotConfigured

        def test_the_environment(entitlements, stripe_emulator):
            with pytest.raises(NotConfigured):
                entitlements.stripe
            assert "self/any" in repr(entitlements)
            assert "self/test" in repr(stripe_emulator.entitlements())
            assert {{name: os.environ[name] for name in {list(environ)}}} == {environ}
        """
    ).assert_outcomes(passed=1)


# --- marks -----------------------------------------------------------------------------------------------------------


def test_a_mark_says_who_owns_what(run):
    """Marks of a test, its class and its module add up; they are for that test only."""
    run(
        """
        import pytest
        from entitlements.bound import configured

        pytestmark = pytest.mark.entitled("base")

        @pytest.mark.entitled("exports", "sso")
        @pytest.mark.entitled("exports", customer="cus_other")
        def test_marked(entitlements):
            assert entitlements.for_customer("cus_test").features == {"base", "exports", "sso"}
            assert entitlements.for_customer("cus_other").features == {"exports"}

        def test_not_marked_but_by_the_module(entitlements):
            assert entitlements.for_customer("cus_test").features == {"base"}

        @pytest.mark.entitled("exports")
        class TestClass:
            @pytest.mark.entitled("sso")
            def test_without_naming_a_fixture(self):
                assert configured().for_customer("cus_test").features == {"base", "exports", "sso"}
        """
    ).assert_outcomes(passed=3)


def test_a_mark_works_on_a_unittest_case(run):
    """Where no fixture can be named."""
    run(
        """
        import unittest
        import pytest
        from entitlements.bound import configured

        class Test(unittest.TestCase):
            @pytest.mark.entitled("exports")
            def test_marked(self):
                self.assertTrue(configured().has_feature("cus_test", "exports"))
        """
    ).assert_outcomes(passed=1)


def test_a_test_runs_both_ways(run):
    """Once with the features and once without, whatever the source gives besides; the fixture says which."""
    result = run(
        """
        import pytest
        from entitlements.testing import StaticSource

        SEEN = []

        @pytest.fixture
        def entitlements_source():
            return StaticSource({"cus_1": ["exports", "sso"]})

        @pytest.mark.entitled("exports", customer="cus_1")
        @pytest.mark.both_ways("exports", "beta", customer="cus_1")
        def test_both(entitlements, entitled):
            assert type(entitled) is bool
            held = {"sso", "exports", "beta"} if entitled else {"sso"}
            assert entitlements.for_customer("cus_1").features == held

        @pytest.mark.both_ways("exports")
        @pytest.mark.parametrize("number", [1, 2])
        def test_that_does_not_ask_which(entitlements, number):
            SEEN.append((number, entitlements.has_feature("cus_test", "exports")))

        def test_seen():
            assert sorted(SEEN) == [(1, False), (1, True), (2, False), (2, True)]
        """
    )
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["PASSED *::test_both[[]entitled[]]", "PASSED *::test_both[[]not entitled[]]"])


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("entitled", '@pytest.mark.entitled names no feature: write @pytest.mark.entitled("exports")'),
        ("entitled()", "@pytest.mark.entitled names no feature"),
        ("entitled(' exports')", "@pytest.mark.entitled: feature key ' exports' begins or ends with whitespace"),
        ("entitled('exports', custommer='cus_1')", "has custommer='cus_1': it takes customer= only"),
        ("entitled('exports', customer=None)", "@pytest.mark.entitled: customer id None is not a string"),
        ("both_ways(3)", "@pytest.mark.both_ways: feature key 3 is not a string"),
        ("both_ways()", "@pytest.mark.both_ways names no feature"),
    ],
)
def test_a_mark_that_means_nothing_ends_the_run_before_it_begins(run, mark, message):
    """A usage error: it names the test, the mark, what is wrong and what to write; no test has run."""
    result = run(
        f"""
        import pytest

        def test_first():
            print("a test " "has run")

        @pytest.mark.{mark}
        def test_marked():
            pass
        """
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line.startswith("ERROR: ")]
    assert "test_marked" in line
    assert message in line
    assert "a test has run" not in result.stdout.str()


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            """
            @pytest.mark.both_ways("sso")
            class TestClass:
                @pytest.mark.both_ways("exports")
                def test_marked(self): ...
            """,
            "2 marks say both_ways: name all the features in one",
        ),
        (
            """
            class Test(unittest.TestCase):
                @pytest.mark.both_ways("exports")
                def test_marked(self): ...
            """,
            "both_ways runs a test twice, and pytest can do that with functions and methods of plain classes only",
        ),
    ],
)
def test_what_can_t_run_both_ways_is_refused(run, test, message):
    """Two marks, or a test that pytest can't run twice: a usage error too."""
    result = run("import pytest, unittest\n" + test.replace("\n            ", "\n"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *test_marked*{message}*"])


def test_which_way_is_asked_where_there_is_one_way(run):
    """The fixture `entitled` says what mark it goes with."""
    result = run("def test_one_way(entitled): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*mark it with @pytest.mark.both_ways("exports")*'])


def test_the_marks_are_listed(run):
    """`pytest --markers` says what they mean."""
    result = run("", options=(*NAMED, "--markers"))
    result.stdout.fnmatch_lines(
        ['@pytest.mark.entitled(*features, customer="cus_test"): *', "@pytest.mark.both_ways(*features, *): run this *"]
    )


# --- stripe_emulator -------------------------------------------------------------------------------------------------


def test_a_stripe_of_each_test_s_own(run):
    """A test buys, cancels and lets time pass, and finds nothing of what another did; the catalogue may be given."""
    run(
        """
        import pytest
        import requests

        @pytest.fixture
        def stripe_catalog():
            return {"features": {"exports": "Exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}

        @pytest.mark.parametrize("time", [1, 2])
        def test_buying(stripe_emulator, time):
            ents = stripe_emulator.entitlements()
            seen = [ents.has_feature("cus_1", "exports")]
            stripe_emulator.subscribe("cus_1", "pro")
            seen.append(ents.has_feature("cus_1", "exports"))
            stripe_emulator.cancel("cus_1")
            seen.append(ents.has_feature("cus_1", "exports"))
            stripe_emulator.subscribe("cus_1", "pro", cancel_at_period_end=True)
            seen.append(ents.has_feature("cus_1", "exports"))
            stripe_emulator.advance(days=32)
            seen.append(ents.has_feature("cus_1", "exports"))
            assert seen == [False, True, False, True, False]

        def test_reached(stripe_emulator):
            assert stripe_emulator.url.startswith("http://127.0.0.1:")
            key = (stripe_emulator.api_key, "")
            assert requests.get(f"{stripe_emulator.url}/v1/customers", auth=key, timeout=10).json()["data"] == []
        """
    ).assert_outcomes(passed=3)


def test_without_the_extra_it_says_what_to_install(run):
    """An error, never a skip."""
    result = run(
        "def test_it(stripe_emulator): ...",
        conftest="""
        import sys
        sys.modules["uvicorn"] = None
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*stripe_emulator needs 'uvicorn'*pip install 'entitlements[[]emulator[]]'*"])


def shown(title: str) -> str:
    """Give the Python of a section of docs/testing.md."""
    section = (ROOT / "docs/testing.md").read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return "import pytest\n" + "\n".join(re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def test_what_the_page_shows_of_the_plugin_passes(run):
    """The tests of docs/testing.md, as they stand there."""
    run(shown("In pytest")).assert_outcomes(passed=7)


def test_the_source_that_the_page_shows_keeps_the_contract(run):
    """And the contract has run."""
    outcomes = run(shown("A source of your own")).parseoutcomes()
    assert outcomes.keys() == {"passed"}
    assert outcomes["passed"] > 50


# --- the plugin itself -----------------------------------------------------------------------------------------------

INSTALLED = """
[pytest11]
entitlements = entitlements.testing.pytest_plugin
"""
USES_IT = """
import pytest

@pytest.mark.entitled("exports")
def test_it(entitlements):
    assert entitlements.has_feature("cus_test", "exports")
"""


@pytest.mark.parametrize(
    ("options", "conftest"),
    [
        ((), ""),
        (("-p", PLUGIN), ""),
        ((), f"pytest_plugins = ['{PLUGIN}']"),
        (("-p", "entitlements"), f"pytest_plugins = ['{PLUGIN}']"),
    ],
    ids=["found", "found and named", "found and in conftest", "named as found and in conftest"],
)
def test_it_is_there_once_however_often_it_is_named(run, pytester, monkeypatch, options, conftest):
    """pytest finds it by its entry point; whoever names it as well does no harm."""
    installed = pytester.mkdir("site")
    info = installed / "installed-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 1\n")
    (info / "entry_points.txt").write_text(INSTALLED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(installed)]))
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    run(USES_IT, conftest=conftest, options=options).assert_outcomes(passed=1)


def test_the_entry_point_is_in_the_project():
    """What is built names the plugin."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"entitlements": PLUGIN}


def test_loading_it_loads_nothing_heavy():
    """Every pytest run of whoever has the library installed pays for it: it loads the library's own core, no more."""
    heavy = ["requests", "pydantic", "starlette", "urllib3", "uvicorn", "entitlements.emulator"]
    script = f"import sys, {PLUGIN}; print(*sorted(set(sys.modules) & set({heavy})))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []


def test_every_fixture_says_what_it_is(run):
    """`pytest --fixtures` lists them with what they are for."""
    listed = run("", options=(*NAMED, "--fixtures")).stdout.str()
    for name in ("entitled", "entitlements", "entitlements_source", "stripe_catalog", "stripe_emulator"):
        assert re.search(rf"^{name} -- .*pytest_plugin\.py:\d+\n    (Give|Say) .*\.$", listed, re.MULTILINE), name
