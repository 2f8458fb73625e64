"""Django: a request's view for any project, its refusals as responses, and the webhook's views.

MIDDLEWARE takes `entitlements.web.django.EntitlementsMiddleware`, INSTALLED_APPS `entitlements.web.django`, and
`settings.ENTITLEMENTS` what there is to say. A REST framework's permission is in `entitlements.web.django.drf`.
"""

from __future__ import annotations

from entitlements.extras import missing

try:
    from django import VERSION as _VERSION
except ImportError as error:
    raise missing("django", error) from error

if _VERSION < (4, 2):
    raise ImportError(f"entitlements needs Django 4.2 at least, and this is {_VERSION[0]}.{_VERSION[1]}: upgrade it")

from entitlements.web.django.conf import get_entitlements
from entitlements.web.django.decorators import requires_feature
from entitlements.web.django.middleware import EntitledRequest, EntitlementsMiddleware
from entitlements.web.django.mixins import FeatureRequiredMixin
from entitlements.web.django.webhooks import awebhook, webhook

__all__ = [
    "EntitledRequest",
    "EntitlementsMiddleware",
    "FeatureRequiredMixin",
    "awebhook",
    "get_entitlements",
    "requires_feature",
    "webhook",
]
