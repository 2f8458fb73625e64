"""The app: what `"entitlements.web.django"` in INSTALLED_APPS brings: the template tag, the command, the checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from entitlements.web.django.checks import check_catalogue, check_project

__all__ = ["EntitlementsConfig"]


class EntitlementsConfig(AppConfig):
    """Bring the template tag, the command and the checks.

    >>> INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "entitlements.web.django"]
    """

    name = "entitlements.web.django"
    label = "entitlements"
    verbose_name = "Entitlements"

    def ready(self) -> None:
        """Register the checks."""
        checks.register(check_project, "entitlements")
        checks.register(check_catalogue, "entitlements", deploy=True)
