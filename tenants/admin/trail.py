"""What was done and what was told: the audit log, notices with their deliveries, answers kept for repeats."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from tenants import audit, delivery, letters
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.listing import Endless, Rows, facts, plain, state, written
from tenants.admin.words import act_name, notice_name
from tenants.models import AuditEntry, AuditSeal, Delivery, IdempotencyKey, Notice, Seller

NOTICE_TONES = {"making": "busy", "pending": "busy", "delivered": "good", "failed": "bad", "off": ""}


@admin.register(AuditEntry)
class AuditEntryAdmin(Endless):
    """Every act, never changed."""

    list_display = ["at", "act", "target", "tenant", "by_name"]
    list_select_related = ["tenant"]
    search_fields = ["verb", "target", "by_name", "tenant__name", "tenant__code"]
    list_filter = [("at", RangeDateTimeFilter)]
    fields = ["at", "act", "verb", "target", "tenant", "by", "by_name", "what", "seal"]

    what = facts("detail", _("detail"))

    @admin.display(description=_("act"), ordering="verb")
    def act(self, row: AuditEntry) -> str:
        return act_name(row.verb)


@admin.register(AuditSeal)
class AuditSealAdmin(Endless):
    """The chain over the audit log, the head first: who keeps its hash can prove every entry before it."""

    list_display = ["at", "number", "count", "sha256"]
    search_fields = ["sha256", "=number"]
    list_filter = [("at", RangeDateTimeFilter)]
    fields = ["at", "number", "count", "previous", "sha256"]


class DeliveryRows(Rows):
    model = Delivery
    fields = ["number", "channel", "at", "ok", "answer"]


@admin.register(Notice)
class NoticeAdmin(Endless):
    """The outbox: what customers were told, or will be."""

    list_display = ["created_at", "about", "tenant", "status_pill", "tries", "next_try_at", "delivered_at"]
    list_select_related = ["tenant"]
    search_fields = ["key", "kind", "tenant__name", "tenant__code"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("language", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    inlines = [DeliveryRows]
    fields = [
        "tenant",
        "seller",
        "about",
        "mark",
        "status_pill",
        "language",
        "to",
        "letter",
        "files",
        "created_at",
        "tries",
        "next_try_at",
        "delivered_at",
    ]
    actions_detail = ["resend"]

    status_pill = state("status", NOTICE_TONES, _("state"))
    mark = plain("key", _("notice key"))
    to = facts("recipients", _("recipients"))
    files = facts("attachments", _("attachments"))

    @admin.display(description=_("kind"), ordering="kind")
    def about(self, row: Notice) -> str:
        return notice_name(row.kind)

    @admin.display(description=_("what the customer reads"))
    def letter(self, row: Notice) -> str:
        try:
            told = letters.compose(row.kind, row.payload, row.language, row.seller or Seller.objects.earliest("id"))
        except (ValueError, Seller.DoesNotExist):
            return written(row.payload)
        return format_html('<strong>{}</strong><pre class="letter">{}</pre>', told.subject, told.text)

    @act(_("Send again"), needs="tenants.change_notice", icon="send", when=lambda notice: notice.status == "failed")
    def resend(self, request: HttpRequest, notice: Notice) -> HttpResponse:
        def send(_data: dict[str, Any]) -> HttpResponse:
            now = timezone.now()
            delivery.retry([notice], at=now)
            audit.record("notice.resent", tenant=notice.tenant, target=f"notice:{notice.pk}", at=now, by=request.user)
            return done(request, gettext("The notice is in the outbox and goes out within a minute."), notice)

        question = Question(
            title=gettext("Send the notice again"),
            lead=gettext("The same text goes to the same people once more."),
            button=gettext("Send again"),
            back=address(notice),
        )
        return ask(self, request, question, Nothing(**sent(request)), send)


@admin.register(Delivery)
class DeliveryAdmin(Endless):
    """Each try to deliver a notice."""

    list_display = ["at", "notice", "tenant", "number", "channel", "ok"]
    list_select_related = ["notice", "tenant"]
    search_fields = ["notice__key", "tenant__name", "answer"]
    list_filter = ["ok", ("at", RangeDateTimeFilter)]
    fields = ["notice", "tenant", "number", "channel", "at", "ok", "answer"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(Endless):
    """Answers to the API's unsafe requests, kept for their repeats."""

    list_display = ["created_at", "owner", "key", "method", "path", "status"]
    search_fields = ["owner", "key", "path"]
    list_filter = [("created_at", RangeDateTimeFilter)]
    fields = ["owner", "key", "method", "path", "body_sha256", "status", "given", "created_at"]

    given = facts("answer", _("answer"))
