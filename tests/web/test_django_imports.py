"""What importing the Django integration loads, and what it says where something is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_only_django_is_loaded():
    """Importing the integration needs no settings, and loads neither the REST framework nor another integration."""
    others = ["rest_framework", "flask", "starlette", "requests", "pydantic", "entitlements.web.asgi"]
    code = f"import sys, entitlements.web.django; print([name for name in {others!r} if name in sys.modules])"
    assert run(code) == "[]"
    assert run("import entitlements.web.django.drf as drf; print(drf.HasFeature.__name__)") == "HasFeature"


@pytest.mark.parametrize(
    ("missing", "module", "extra"),
    [("django", "entitlements.web.django", "django"), ("rest_framework", "entitlements.web.django.drf", "drf")],
)
def test_what_is_missing_is_named_with_its_extra(missing, module, extra):
    """Without the framework, the error says what to install."""
    code = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import {module}
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code).endswith(f"install it with: pip install 'entitlements[{extra}]'")
