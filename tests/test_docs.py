"""What the documents and docstrings show is what happens."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "entitlements").rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str):
    """Every example in a docstring gives what it says it gives."""
    _set_django_up(name)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


class User:
    """Who is signed in, in the README's application."""

    org = "cus_123"


def test_the_readme_s_python_runs(monkeypatch: pytest.MonkeyPatch):
    """Every Python block of the README runs, in their order, against a local Stripe."""
    from sybil.document import Document
    from sybil.parsers.markdown import PythonCodeBlockParser

    from entitlements.emulator import StripeEmulator

    with StripeEmulator() as stripe:
        monkeypatch.setenv("STRIPE_API_KEY", stripe.api_key)
        monkeypatch.setenv("STRIPE_API_BASE", stripe.url)
        document = Document.parse(str(ROOT / "README.md"), PythonCodeBlockParser())
        blocks = list(document.examples())
        stripe.customer("cus_123")
        stripe.feature("exports")
        for block in blocks:
            block.evaluate()
        try:
            assert len(blocks) == 7
            refused = call(document.namespace["app"])
            assert refused.startswith("402"), refused
            assert document.namespace["decision"].reason == "not_entitled"
        finally:
            document.namespace["ents"].close()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_pages_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
):
    """Every Python block of a page of the documentation runs, in their order, in a folder of its own."""
    from sybil.document import Document
    from sybil.parsers.markdown import PythonCodeBlockParser

    from entitlements.testing.pytest_plugin import pytest_configure

    pytest_configure(pytestconfig)  # the page's marks are known where the plugin is not installed, too
    _set_django_up(page.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_123")
    blocks = list(Document.parse(str(page), PythonCodeBlockParser()).examples())
    assert blocks
    for block in blocks:
        block.evaluate()


def _set_django_up(name: str) -> None:
    """Give Django its settings, without which looking at it is an error."""
    if "django" in name:
        import web_django  # noqa: F401 - it is done by importing this


def call(app) -> str:
    """Call a WSGI application once, and give the status it answers."""
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, object] = {"user": User}
    setup_testing_defaults(environ)
    said: list[str] = []
    list(app(environ, lambda status, headers, exc_info=None: said.append(status)))
    return said[0]
