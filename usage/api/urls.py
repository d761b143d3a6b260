"""Addresses of usage below /api/v1/."""

from django.urls import path

from usage.api.days import Usage
from usage.api.events import Events

urlpatterns = [
    path("events", Events.as_view(), name="api_events"),
    path("usage", Usage.as_view(), name="api_usage"),
]
