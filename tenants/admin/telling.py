"""How customers are told: what they switched off, their groups in WeCom, who opened what, and mails that came back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from tenants import bouncing
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.listing import Endless, Reading
from tenants.admin.words import notice_name
from tenants.models import Bounce, NoticePreference, Opening, WeComBot


@admin.register(NoticePreference)
class NoticePreferenceAdmin(Reading):
    """What customers chose; nobody chooses for them."""

    list_display = ["tenant", "about", "mail", "wecom", "changed_at", "changed_by_name"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "kind"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["tenant", "about", "mail", "wecom", "changed_at", "changed_by_name"]

    @admin.display(description=_("kind"), ordering="kind")
    def about(self, row: NoticePreference) -> str:
        return str(notice_name(row.kind))


@admin.register(WeComBot)
class WeComBotAdmin(Reading):
    """Groups in WeCom; their keys are shown to nobody."""

    list_display = ["tenant", "mark", "set_at", "set_by_name", "broken_at"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "fingerprint"]
    list_filter = [("broken_at", EmptyFieldListFilter)]
    fields = ["tenant", "mark", "set_at", "set_by_name", "broken_at"]

    @admin.display(description=_("fingerprint"))
    def mark(self, row: WeComBot) -> str:
        return str(row)


@admin.register(Opening)
class OpeningAdmin(Endless):
    """Who opened a notice on the pages, and when."""

    list_display = ["at", "notice", "tenant", "by_name"]
    list_select_related = ["notice", "tenant"]
    search_fields = ["notice__key", "tenant__code", "by_name"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["tenant", "notice", "by", "by_name", "at"]


@admin.register(Bounce)
class BounceAdmin(Endless):
    """Mails that came back: whose address is dead, and whether the notice is still delivered."""

    list_display = ["at", "address", "tenant", "about", "status", "standing", "seen_at"]
    list_select_related = ["tenant", "delivery__notice"]
    search_fields = ["address", "tenant__code", "tenant__name", "reason"]
    list_filter = [
        ("seen_at", EmptyFieldListFilter),
        ("tenant", AutocompleteSelectFilter),
        ("at", RangeDateTimeFilter),
    ]
    fields = ["tenant", "address", "about", "standing", "status", "reason", "delivery", "at", "seen_at"]
    actions_detail = ["see_to"]

    @admin.display(description=_("kind"))
    def about(self, row: Bounce) -> str:
        return str(notice_name(row.delivery.notice.kind))

    @admin.display(description=_("the notice is delivered otherwise"), boolean=True)
    def standing(self, row: Bounce) -> bool:
        return row.delivery.notice.delivered_at is not None

    @act(_("Seen to"), needs="tenants.change_bounce", icon="done", when=lambda bounce: bounce.seen_at is None)
    def see_to(self, request: HttpRequest, bounce: Bounce) -> HttpResponse:
        def see(_data: dict[str, Any]) -> HttpResponse:
            bouncing.seen(bounce, at=timezone.now(), by=request.user)
            return done(request, gettext("It is out of the queue."), bounce)

        question = Question(
            title=gettext("Seen to"),
            lead=gettext("Ask the customer for an address that works, then send the notice again."),
            button=gettext("Seen to"),
            back=address(bounce),
        )
        return ask(self, request, question, Nothing(**sent(request)), see)


def unseen_badge(request: HttpRequest) -> str:
    """Return how many mails that came back nobody has seen to, for the sidebar."""
    count = Bounce.objects.filter(seen_at=None).count()
    return str(count) if count else ""
