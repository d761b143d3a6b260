"""Billing runs with their progress, and the queue of customers that could not be billed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from celery import current_app
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.enums import ActionVariant

from billing import formatting
from billing.admin.columns import moment
from billing.models import Subscription
from invoices import parking
from invoices.admin import rehearsals
from invoices.models import BillingRun, Parked
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, state

TONES = {"running": "busy", "done": "good", "stopped": "bad"}


def bar(run: BillingRun) -> str:
    """Return a progress bar with its numbers."""
    whole, over = max(run.due, 1), min(run.done + run.parked, max(run.due, 1))
    percent = 100 if run.status == BillingRun.Status.DONE else over * 100 // whole
    text = f"{formatting.quantity(run.done)} / {formatting.quantity(run.due)}"
    return format_html(
        '<div class="operators-progress" role="progressbar" aria-valuenow="{0}" aria-valuemin="0" aria-valuemax="100">'
        '<span style="width: {0}%"></span></div><div>{1}</div>',
        percent,
        text,
    )


def pace(run: BillingRun) -> str:
    """Return bills a second, as far as the run has come."""
    over = ((run.finished_at or run.progress_at) - run.started_at).total_seconds()
    if not over or not run.invoices:
        return EMPTY
    return formatting.quantity(round(Decimal(run.invoices) / Decimal(str(over)), 1))


@admin.register(BillingRun)
class BillingRunAdmin(Reading):
    """Each pass over what is due. The page refreshes itself while the run goes on."""

    change_form_outer_before_template = "admin/run.html"
    list_display = [
        "started",
        "status_pill",
        "progress",
        "charges",
        "invoices",
        "parked",
        "speed",
        "duration",
        "started_by",
    ]
    list_select_related = ["started_by"]
    search_fields = ["=id"]
    list_filter = [("status", ChoicesDropdownFilter), ("started_at", RangeDateTimeFilter)]
    date_hierarchy = "started_at"
    fields = ["instant", "started_by"]
    actions_list = ["bill_now"]

    def get_urls(self) -> list[URLPattern]:
        return [*rehearsals.addresses(self.admin_site), *super().get_urls()]

    status_pill = state("status", TONES, _("state"))
    started = moment("started_at", _("started"))
    instant = moment("at", _("bills what is due at"))

    @admin.display(description=_("progress"))
    def progress(self, row: BillingRun) -> str:
        return bar(row)

    @admin.display(description=_("bills a second"))
    def speed(self, row: BillingRun) -> str:
        return pace(row)

    @admin.display(description=_("took"))
    def duration(self, row: BillingRun) -> str:
        over = (row.finished_at or row.progress_at) - row.started_at
        return gettext("%(seconds)s s") % {"seconds": formatting.quantity(round(Decimal(str(over.total_seconds())), 1))}

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        run = self.get_object(request, object_id) if object_id else None
        extra = {"run": run, "facts": self.facts(run) if run else [], "parked_rows": self.parked(run) if run else []}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def facts(self, run: BillingRun) -> list[tuple[Any, Any]]:
        """Return what the page says of a run."""
        return [
            (_("state"), self.status_pill(run)),
            (_("customers' subscriptions"), bar(run)),
            (_("charges"), formatting.quantity(run.charges)),
            (_("bills issued"), formatting.quantity(run.invoices)),
            (_("bills a second"), pace(run)),
            (_("took"), self.duration(run)),
            (_("customers parked"), formatting.quantity(run.parked)),
        ]

    def parked(self, run: BillingRun) -> list[dict[str, Any]]:
        """Return the customers that the run parked, with links."""
        rows = Parked.objects.filter(run=run).select_related("tenant").order_by("resolved_at", "id")[:200]
        return [{"row": row, "to": address(row), "tenant_to": address(row.tenant)} for row in rows]

    @act(_("Bill what is due"), needs="invoices.add_billingrun", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def bill_now(self, request: HttpRequest) -> HttpResponse:
        due = Subscription.objects.due(timezone.now()).count()
        question = Question(
            title=gettext("Bill what is due"),
            lead=gettext("%(count)s subscriptions are due now. The worker bills them; the run appears in this list.")
            % {"count": due},
            button=gettext("Start the run"),
            back=list_address(BillingRun),
        )
        return ask(self, request, question, Nothing(**sent(request)), lambda _data: nudge(request))


def nudge(request: HttpRequest) -> HttpResponse:
    """Wake the worker. Should it not hear, the next tick of the clock bills the same."""
    try:
        # By name: the task's module loads the typesetter, which the web has no use for.
        current_app.send_task("invoices.tasks.bill")
    except (OperationalError, OSError):
        return done(
            request, gettext("The worker does not answer; the run starts with its next tick."), list_address(BillingRun)
        )
    return done(request, gettext("The worker was told. The run appears here in a moment."), list_address(BillingRun))


class WaitingFilter(DropdownFilter):
    """Whether somebody has seen to it."""

    title, parameter_name = _("state"), "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("waiting")), ("no", _("settled"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(Q(resolved_at__isnull=self.value() == "yes")) if self.value() else queryset


@admin.register(Parked)
class ParkedAdmin(Reading):
    """Customers that a run could not bill, with the reason."""

    list_display = ["tenant", "stage", "code", "reason", "parked_at", "tries", "resolved"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "code", "reason"]
    list_filter = [
        WaitingFilter,
        ("stage", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("at", RangeDateTimeFilter),
    ]
    ordering = ["-id"]
    fields = [
        "tenant",
        "subscription",
        "run",
        "stage",
        "code",
        "reason",
        "parked_at",
        "tries",
        "resolved",
        "resolved_by",
    ]
    actions_detail = ["resolve"]

    parked_at = moment("at", _("parked"))
    resolved = moment("resolved_at", _("settled"))

    @act(_("Settled: try again"), needs="invoices.change_parked", icon="done", when=lambda row: row.resolved_at is None)
    def resolve(self, request: HttpRequest, parked: Parked) -> HttpResponse:
        def settle(_data: dict[str, Any]) -> HttpResponse:
            parking.resolve([parked.tenant_id], stages=[parked.stage], at=timezone.now(), by=request.user)
            return done(
                request, gettext("Out of the queue; the next run tries again."), list_address(Parked, "waiting=yes")
            )

        question = Question(
            title=gettext("“%(tenant)s” is settled") % {"tenant": parked.tenant},
            lead=gettext("Reason: %(reason)s") % {"reason": parked.reason},
            button=gettext("Take it out of the queue"),
            back=address(parked),
        )
        return ask(self, request, question, Nothing(**sent(request)), settle)
