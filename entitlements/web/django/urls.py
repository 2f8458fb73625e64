"""The webhook's URL, to be included where Stripe's dashboard says."""

from __future__ import annotations

from django.urls import path

from entitlements.web.django.webhooks import webhook

__all__ = ["urlpatterns"]

urlpatterns = [path("", webhook, name="entitlements-webhook")]
