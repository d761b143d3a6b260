"""Resource packs with the act that grants one: seen before and after, with its reason, above the limit by two people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from billing.admin.packs import GrantForm, PackAdmin
from billing.models import Pack
from invoices.admin.by_hand import twice
from invoices.hand_kinds import Hand
from invoices.models import OperatorAct
from tenants.admin.acts import Question, act, list_address, sent
from usage.periods import local_midnight


@admin.register(Pack)
class GrantedPackAdmin(PackAdmin):
    """Packs, and the button that grants one."""

    actions_list = ["grant"]

    @act(_("Grant a pack"), needs="billing.add_pack", icon="redeem", variant=ActionVariant.PRIMARY)
    def grant(self, request: HttpRequest) -> HttpResponse:
        question = Question(
            title=gettext("Grant a resource pack"),
            lead=gettext("Units that are used before anything is paid for them, from now to the end of the last day."),
            button=gettext("Show before and after"),
            back=list_address(Pack),
        )
        return twice(self, request, question, GrantForm(**sent(request)), hand)


def hand(data: dict[str, Any], key: str) -> Hand:
    """Return the act of granting what the form says."""
    tenant, meter = data["tenant"], data["meter"]
    wish = {
        "meter": meter.pk,
        "quantity": f"{data['quantity']:f}",
        "expires": local_midnight(data["last_on"] + timedelta(days=1), tenant.timezone).isoformat(),
        "valid_from": "",
        "priority": data["priority"],
        "match": {},
    }
    whose = {"tenant": tenant, "seller": meter.seller, "currency": tenant.currency}
    told = {"target": f"meter:{meter.pk}", "wish": wish, "reason": data["reason"], "key": key}
    return Hand(kind=OperatorAct.Kind.PACK, **whose, **told)
