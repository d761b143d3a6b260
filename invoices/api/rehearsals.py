"""POST /api/v1/rehearsals: play stories on a moveable clock, as `manage.py rehearse` does; nothing is kept (CONTRACTS §2)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.rating.errors import InputError
from invoices import rehearsal
from invoices.rehearsal import sources
from tenants.api import frame
from tenants.errors import Invalid

# A call is answered when all its stories are played.
MOST = 200


class StoryBody(serializers.Serializer[Any]):
    """A story, or a list of them; docs/rehearsal.md has the verbs and their keys. Amounts are decimal strings."""

    name = serializers.CharField(required=False)
    timezone = serializers.CharField(required=False)
    currency = serializers.CharField(required=False)
    until = serializers.CharField()
    strict = serializers.BooleanField(required=False)
    tax = serializers.DictField(required=False)
    catalogue = serializers.DictField(required=False)
    tenants = serializers.ListField(child=serializers.DictField())
    steps = serializers.ListField(child=serializers.DictField(), required=False)


class StoryTold(serializers.Serializer[Any]):
    """What came of a story."""

    name = serializers.CharField()
    invoices = serializers.ListField(child=serializers.DictField())
    credit_notes = serializers.ListField(child=serializers.DictField())
    payments = serializers.ListField(child=serializers.DictField())
    notices = serializers.ListField(child=serializers.DictField())
    subscriptions = serializers.ListField(child=serializers.DictField())
    wallets = serializers.DictField()
    refused = serializers.ListField(child=serializers.DictField())
    ledger_balanced = serializers.BooleanField()


class Rehearsals(frame.Endpoint):
    """What a contract comes to before anybody is charged: stories played through the real verbs; nothing survives."""

    scope = "rate"

    @extend_schema(request=StoryBody, responses=StoryTold)
    @frame.once
    def post(self, request: Request) -> Response:
        """Rehearse one story, or a list of them; each of a list is answered in its place."""
        frame.require_operator(request)
        # The text itself, because a parsed object has forgotten keys that were written twice.
        try:
            said = sources.body(request.body.decode(errors="replace"))
        except InputError as wrong:
            raise rehearsal.Unreadable.of(wrong) from None
        if not isinstance(said, list):
            return Response(rehearsal.rehearse(said))
        if len(said) > MOST:
            raise Invalid(_("Send at most %(count)d stories at a time.") % {"count": MOST})
        return Response(list(rehearsal.rehearse_all(said)))
