"""A customer on one page: the profile, and beside it contracts, bills, payments, notices and what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.admin.subscribing import subscribe
from billing.admin.subscriptions import TONES as SUBSCRIPTION_TONES
from billing.models import Account, Change, Charge, Posting, Subscription
from billing.templatetags.amounts import day, moment
from invoices import changed, run
from invoices.admin.bills import TONES as BILL_TONES
from invoices.admin.receipts import record_transfer
from invoices.admin.wallets import top_up
from invoices.models import CreditNote, Invoice, Parked, Payment
from tenants import lifecycle
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.companies import TenantAdmin
from tenants.admin.listing import pill
from tenants.admin.members import invite
from tenants.admin.trail import NOTICE_TONES
from tenants.admin.words import act_name, notice_name
from tenants.models import AuditEntry, Authorisation, Notice, Tenant

ROWS = 10
ON_ACCOUNT = (Account.Kind.UNALLOCATED, Account.Kind.WALLET, Account.Kind.WALLET_GIFT)


@dataclass(frozen=True)
class Panel:
    """A table of the page: the newest rows, each a link, and the way to all of them."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, tuple[Any, ...]]]
    everything: str


def panel(
    title: Any, query: QuerySet[Any], filter_by: str, heads: Iterable[Any], cells: Callable[[Any], tuple[Any, ...]]
) -> Panel:
    """Return a panel of the newest rows of `query`."""
    rows = [(address(row), cells(row)) for row in query[:ROWS]]
    return Panel(str(title), tuple(str(head) for head in heads), rows, list_address(query.model, filter_by))


def panels(tenant: Tenant) -> list[Panel]:
    """Return all that hangs on a customer, newest first."""
    return [*money_panels(tenant), *word_panels(tenant)]


def money_panels(tenant: Tenant) -> list[Panel]:
    """Return contracts, bills and what settles them."""
    mine = f"tenant__id__exact={tenant.pk}"
    subscriptions = Subscription.objects.filter(tenant=tenant).select_related("plan", "tenant").order_by("-id")
    contract = (_("plan"), _("state"), _("start"), _("term ends"), _("next due"))
    bill = (_("number"), _("state"), _("issued"), _("total"), _("still due"))
    payment = (_("received"), _("way"), _("reference"), _("amount"))
    note = (_("number"), _("issued"), _("total"), _("reason"))
    waits = (_("what"), _("in force from"), _("by"))
    waiting = Charge.objects.waiting().filter(payer=tenant).order_by("-id")
    received = Payment.objects.filter(tenant=tenant).order_by("-received_at", "-id")
    return [
        panel(_("Subscriptions"), subscriptions, mine, contract, of_contract),
        panel(_("Changes that wait"), waiting_changes(tenant), f"{mine}&status__exact=scheduled", waits, of_change),
        panel(_("Bills"), Invoice.objects.filter(tenant=tenant).order_by("-id"), mine, bill, of_bill),
        panel(_("Received payments"), received, mine, payment, of_payment),
        panel(_("Credit notes"), CreditNote.objects.filter(tenant=tenant).order_by("-id"), mine, note, of_note),
        panel(
            _("Charges waiting for a bill"),
            waiting,
            f"{mine}&taken=no",
            (_("name"), _("to be billed on"), _("amount")),
            lambda c: (c.name, day(c.due_on), formatting.money(c.amount_minor, c.currency)),
        ),
    ]


def word_panels(tenant: Tenant) -> list[Panel]:
    """Return what was told, agreed and done."""
    mine, named = f"tenant__id__exact={tenant.pk}", f"q={tenant.code}"
    notices, entries = Notice.objects.filter(tenant=tenant), AuditEntry.objects.filter(tenant=tenant)
    consents = Authorisation.objects.filter(tenant=tenant).order_by("-id")
    return [
        panel(_("Notices"), notices, named, (_("created"), _("kind"), _("state")), of_notice),
        panel(
            _("Authorisations"),
            consents,
            mine,
            (_("given"), _("scope"), _("given by"), _("withdrawn")),
            lambda a: (moment(a.given_at), a.scope, a.given_by_name, moment(a.withdrawn_at)),
        ),
        panel(
            _("What was done"),
            entries,
            named,
            (_("at"), _("act"), _("on"), _("by")),
            lambda e: (moment(e.at), act_name(e.verb), e.target, e.by_name),
        ),
    ]


def waiting_changes(tenant: Tenant) -> QuerySet[Change]:
    found = Change.objects.filter(tenant=tenant, status=Change.Status.SCHEDULED)
    return found.select_related("subscription__plan", "version__plan", "price", "by").order_by("effective_at", "id")


def of_change(row: Change) -> tuple[Any, ...]:
    return changed.effect(row, get_language() or "zh-hans"), day(changed.effective_on(row)), row.by


def of_payment(row: Payment) -> tuple[Any, ...]:
    amount = formatting.money(row.amount_minor, row.currency)
    return moment(row.received_at), row.get_method_display(), row.reference, amount


def of_note(row: CreditNote) -> tuple[Any, ...]:
    return row.number, moment(row.issued_at), formatting.money(row.total_minor, row.currency), row.reason


def of_notice(row: Notice) -> tuple[Any, ...]:
    return moment(row.created_at), notice_name(row.kind), pill(row.get_status_display(), NOTICE_TONES[row.status])


def of_contract(row: Subscription) -> tuple[Any, ...]:
    tone = SUBSCRIPTION_TONES[row.status]
    return row.plan, pill(row.get_status_display(), tone), day(row.start_on), day(row.term_end_on), moment(row.next_at)


def of_bill(row: Invoice) -> tuple[Any, ...]:
    shown = pill(row.get_status_display(), BILL_TONES[row.status])
    total, due = (formatting.money(minor, row.currency) for minor in (row.total_minor, row.due_minor))
    return str(row), shown, moment(row.issued_at), total, due


def figures(tenant: Tenant) -> list[tuple[Any, str, bool]]:
    """Return the sums at the head of the page: what it is, how much, and whether it is an alarm."""
    bills = Invoice.objects.open().filter(tenant=tenant)
    late = bills.overdue(timezone.localdate())
    free = Posting.objects.filter(account__tenant=tenant, account__kind__in=ON_ACCOUNT)
    waiting = Charge.objects.waiting().filter(payer=tenant)
    parked = Parked.objects.filter(tenant=tenant, resolved_at=None).count()

    def money(query: Any, field: str, sign: int = 1) -> str:
        return formatting.money(sign * int(query.aggregate(sum=Sum(field, default=0))["sum"]), tenant.currency)

    return [
        (_("still due"), money(bills, "due_minor"), False),
        (_("overdue"), money(late, "due_minor"), late.exists()),
        (_("on account, not yet used"), money(free, "amount_minor", -1), False),
        (_("charged, not yet billed"), money(waiting, "amount_minor"), False),
        *([(_("parked in the billing run"), formatting.quantity(parked), True)] if parked else []),
    ]


class StateForm(forms.Form):
    """The state a customer goes to, and why."""

    to = forms.ChoiceField(label=_("new state"), widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget)

    def __init__(self, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        allowed = Tenant.TRANSITIONS[Tenant.Status(tenant.status)]
        self.fields["to"].choices = [(s.value, s.label) for s in Tenant.Status if s in allowed]


VERBS = {
    Tenant.Status.ACTIVE: lifecycle.restore,
    Tenant.Status.RESTRICTED: lifecycle.restrict,
    Tenant.Status.SUSPENDED: lifecycle.suspend,
    Tenant.Status.CLOSED: lifecycle.close,
}


def is_live(tenant: Tenant) -> bool:
    return tenant.status != Tenant.Status.CLOSED


@admin.register(Tenant)
class CustomerAdmin(TenantAdmin):
    """Customers, with all that hangs on them."""

    change_form_outer_before_template = "admin/customer_figures.html"
    change_form_outer_after_template = "admin/customer.html"
    actions_detail = ["subscribe", "bill_now", "record_transfer", "top_up", "invite", "change_state"]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        tenant = self.get_object(request, object_id) if object_id else None
        extra = {"panels": panels(tenant), "figures": figures(tenant)} if tenant else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    @act(
        _("Subscribe"),
        needs="billing.add_subscription",
        icon="add_shopping_cart",
        when=is_live,
        variant=ActionVariant.PRIMARY,
    )
    def subscribe(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        return subscribe(self, request, tenant)

    @act(_("Bill now"), needs="invoices.add_billingrun", icon="receipt_long", when=is_live)
    def bill_now(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        def bill(_data: dict[str, Any]) -> HttpResponse:
            made = run.run_for([tenant.pk], at=timezone.now(), clock=timezone.now, by=request.user)
            said = gettext("%(charges)s charges, %(bills)s bills issued.") % {
                "charges": made.charges,
                "bills": made.invoices,
            }
            return done(request, said, made if made.parked else tenant)

        question = Question(
            title=gettext("Bill “%(tenant)s” now") % {"tenant": tenant},
            lead=gettext(
                "All that is due by now is charged and billed, as a run does. What is billed already is not billed again."
            ),
            button=gettext("Bill now"),
            back=address(tenant),
        )
        return ask(self, request, question, Nothing(**sent(request)), bill)

    @act(_("Record a transfer"), needs="invoices.add_payment", icon="account_balance")
    def record_transfer(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        return record_transfer(self, request, tenant)

    @act(_("Top up the balance"), needs="billing.add_topup", icon="savings", when=is_live)
    def top_up(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        return top_up(self, request, tenant)

    @act(_("Invite a member"), needs="tenants.change_member", icon="person_add", when=is_live)
    def invite(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        return invite(self, request, tenant)

    @act(_("Change the state"), needs="tenants.change_tenant", icon="toggle_on", when=is_live)
    def change_state(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        def move(data: dict[str, Any]) -> HttpResponse:
            changed = VERBS[data["to"]](tenant, at=timezone.now(), by=request.user, reason=data["reason"])
            said = gettext("“%(tenant)s” is %(state)s now.") % {"tenant": tenant, "state": changed.get_status_display()}
            return done(request, said, tenant)

        question = Question(
            title=gettext("State of “%(tenant)s”") % {"tenant": tenant},
            lead=gettext("Restricted: what costs extra is off. Suspended: the service stops. Closed: for good."),
            button=gettext("Change the state"),
            back=address(tenant),
        )
        return ask(self, request, question, StateForm(tenant, **sent(request)), move)
