"""Extras: an integration without its framework says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from entitlements.extras import missing

INTEGRATIONS = {"openfeature": ("entitlements.openfeature", "openfeature")}


@pytest.mark.parametrize("extra", INTEGRATIONS)
def test_without_its_framework_an_integration_names_the_extra(extra):
    """Importing it raises an ImportError that says which extra to install, in place of a bare "no module named"."""
    module, framework = INTEGRATIONS[extra]
    script = f"""
import sys
sys.modules[{framework!r}] = None  # as good as not installed
import entitlements
try:
    import {module}
except ImportError as error:
    print(type(error).__name__, error.name.partition(".")[0], error, sep="|")
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    kind, name, message = told.strip().split("|")
    assert (kind, name) == ("ModuleNotFoundError", framework)
    assert message.endswith(f"; install it with: pip install 'entitlements[{extra}]'")


def test_a_framework_that_is_too_old_is_named_with_what_it_lacks():
    """A name that can't be imported is an ImportError still, with the module, the file and the reason kept."""
    try:
        from entitlements.extras import nothing_of_the_kind  # noqa: F401
    except ImportError as lacking:
        error = missing("django", lacking)
    assert (type(error), error.name, error.path) == (ImportError, "entitlements.extras", missing.__code__.co_filename)
    assert str(error).startswith("cannot import name 'nothing_of_the_kind'")
    assert str(error).endswith("; install it with: pip install 'entitlements[django]'")
