"""Corporate transfers: bank statements, what came in and is nobody's yet, and claims of customers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from billing import formatting
from billing.admin.columns import amount, day, moment
from invoices import claiming, matching, taking_in
from invoices.admin import bank_queue
from invoices.admin.by_hand import twice
from invoices.hand_kinds import Hand
from invoices.models import BankCredit, BankFile, TransferClaim
from invoices.recognising import WAITING
from invoices.views.transfers import receipt_file
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.choosing import CustomerField
from tenants.admin.listing import EMPTY, Reading, state
from tenants.models import Seller, Tenant

CREDIT_TONES = {"unmatched": "late", "proposed": "busy", "matched": "good"}
CLAIM_TONES = {"open": "busy", "matched": "good", "declined": "bad"}


class WaitingFilter(DropdownFilter):
    """Whether it is known whose money it is."""

    title, parameter_name = _("waiting"), "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("waiting")), ("no", _("settled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[BankCredit]) -> QuerySet[BankCredit]:
        if self.value() == "yes":
            return queryset.filter(state__in=WAITING)
        return queryset.exclude(state__in=WAITING) if self.value() else queryset


class MatchForm(forms.Form):
    """Whose money it is, and what allows somebody else to pay it."""

    tenant = CustomerField(help_text=_("Code or name of the customer."))
    declaration = forms.CharField(
        label=_("declaration of payment for another"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Needed when the payer is not the customer: its date, or where it is kept."),
    )
    remember = forms.BooleanField(label=_("known payer from now on"), required=False, widget=UnfoldBooleanSwitchWidget)


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(label=_("reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


@admin.register(BankCredit)
class BankCreditAdmin(Reading):
    """What came in at the bank. What is sure was booked at once; the rest waits here for somebody."""

    list_display = ["received", "total", "payer_name", "remark", "state_pill", "tenant", "reference"]
    list_select_related = ["tenant"]
    search_fields = ["reference", "payer_name", "remark", "tenant__code", "tenant__name"]
    list_filter = [
        WaitingFilter,
        ("state", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("received_at", RangeDateTimeFilter),
        ("amount_minor", RangeNumericFilter),
    ]
    date_hierarchy = "received_at"
    ordering = ["-received_at", "-id"]
    fields = ["seller", "account", "total", "received", "reference", "payer_name", "payer_account", "remark"]
    fields += ["virtual_account", "state_pill", "whose", "tenant", "payment", "declaration", "reason"]
    fields += ["settled", "settled_by", "file", "line"]
    actions_list = ["side_by_side", "look_again"]
    actions_detail = ["match", "give_back"]

    state_pill = state("state", CREDIT_TONES, _("state"))
    total = amount("amount_minor", _("amount"))
    received = moment("received_at", _("received"))
    settled = moment("settled_at", _("settled"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(lambda request: bank_queue.page(self, request))
        return [path("queue/", view, name="bank_queue"), *super().get_urls()]

    @admin.display(description=_("proposals"))
    def whose(self, row: BankCredit) -> str:
        found = bank_queue.proposals(row, Tenant.objects.in_bulk([one["tenant"] for one in row.proposals]))
        lines = ((one.tenant, ", ".join(map(str, one.why))) for one in found)
        return format_html_join("", "<div>{}: {}</div>", lines) or EMPTY

    @act(
        _("Match side by side"),
        needs="invoices.change_bankcredit",
        icon="compare_arrows",
        variant=ActionVariant.PRIMARY,
    )
    def side_by_side(self, request: HttpRequest) -> HttpResponse:
        return done_quietly(reverse("admin:bank_queue"))

    @act(_("Look again"), needs="invoices.change_bankcredit", icon="refresh")
    def look_again(self, request: HttpRequest) -> HttpResponse:
        def look(_data: dict[str, Any]) -> HttpResponse:
            booked = matching.match_waiting(at=timezone.now())
            to = list_address(BankCredit, "waiting=yes")
            return done(request, gettext("%(count)s were booked.") % {"count": booked}, to)

        question = Question(
            title=gettext("Look again"),
            lead=gettext("What has become sure meanwhile is booked; it is done every five minutes by itself."),
            button=gettext("Look again"),
            back=list_address(BankCredit),
        )
        return ask(self, request, question, Nothing(**sent(request)), look)

    @act(_("Match"), needs="invoices.change_bankcredit", icon="link", when=lambda row: row.state in WAITING)
    def match(self, request: HttpRequest, row: BankCredit) -> HttpResponse:
        def hand(data: dict[str, Any], key: str) -> Hand:
            return bank_queue.hand(
                row, data["tenant"], declaration=data["declaration"], remember=data["remember"], key=key
            )

        question = Question(
            title=gettext("Whose are %(amount)s of “%(payer)s”?")
            % {"amount": formatting.money(row.amount_minor, row.currency), "payer": row.payer_name or EMPTY},
            lead=gettext("It settles the bill of this amount, else the oldest; what is over goes into the balance."),
            button=gettext("Show before and after"),
            back=address(row),
        )
        first = Tenant.objects.filter(pk=row.proposals[0]["tenant"]).first() if row.proposals else None
        form = MatchForm(initial={"tenant": first.code if first else ""}, **sent(request))
        return twice(self, request, question, form, hand)

    @act(
        _("Returned to the payer"),
        needs="invoices.change_bankcredit",
        icon="undo",
        when=lambda row: row.state in WAITING,
    )
    def give_back(self, request: HttpRequest, row: BankCredit) -> HttpResponse:
        def settle(data: dict[str, Any]) -> HttpResponse:
            matching.give_back(row, reason=data["reason"], at=timezone.now(), by=request.user)
            return done(request, gettext("Noted; it has left the book."), list_address(BankCredit, "waiting=yes"))

        question = Question(
            title=gettext("Returned to the payer"),
            lead=gettext("Transfer it back at the bank first, to the account that it came from; this only notes it."),
            button=gettext("It was sent back"),
            back=address(row),
        )
        return ask(self, request, question, ReasonForm(**sent(request)), settle)


def done_quietly(to: str) -> HttpResponse:
    return HttpResponse(status=302, headers={"Location": to})


class BankFileForm(forms.Form):
    """A bank's statement."""

    MOST = 20 * 1024 * 1024

    seller = forms.ModelChoiceField(Seller.objects.order_by("pk"), label=_("seller"), widget=UnfoldAdminSelectWidget)
    account = forms.CharField(
        label=_("our account"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Empty: the account in the seller's record."),
    )
    file = forms.FileField(
        label=_("file"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("CSV or XLSX as the bank gives it; GBK or UTF-8."),
    )
    mapping = forms.CharField(
        label=_("mapping"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "class": "font-mono"}),
        help_text=_("Only when columns are not found by their names: “reference: 凭证号”, one on each line."),
    )

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > self.MOST:
            raise forms.ValidationError(_("The file is larger than 20 MiB; cut it."))
        return self.cleaned_data["file"]


@admin.register(BankFile)
class BankFileAdmin(Reading):
    """Bank statements that were read, with every bad row by line and column."""

    list_display = [
        "when",
        "file_name",
        "seller",
        "status_pill",
        "rows",
        "credits_new",
        "known",
        "debits",
        "wrong",
        "by",
    ]
    list_select_related = ["seller", "by"]
    search_fields = ["file_name", "sha256"]
    list_filter = [("seller", RelatedDropdownFilter), ("status", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    fields = ["file_name", "seller", "account", "sha256", "status_pill", "rows", "credits_new", "known", "debits"]
    fields += ["when", "by", "mistakes"]
    actions_list = ["import_statement"]

    status_pill = state("status", {"imported": "good", "refused": "bad"}, _("state"))
    when = moment("at", _("at"))

    @admin.display(description=_("errors"))
    def wrong(self, row: BankFile) -> int:
        return len(row.errors)

    @admin.display(description=_("errors"))
    def mistakes(self, row: BankFile) -> str:
        if not row.errors:
            return EMPTY
        rows = ((e.get("line", ""), e.get("column", ""), e.get("message", "")) for e in row.errors[:200])
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        heads = format_html_join("", '<th scope="col">{}</th>', ((_("line"),), (_("column"),), (_("reason"),)))
        table = '<table class="operators-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        return format_html(table, heads, body)

    @act(_("Import a statement"), needs="invoices.add_bankfile", icon="upload_file", variant=ActionVariant.PRIMARY)
    def import_statement(self, request: HttpRequest) -> HttpResponse:
        question = Question(
            title=gettext("Import a bank statement"),
            lead=gettext(
                "What came in is booked, and what is sure is matched at once. With one bad row nothing is written;"
                " the same file or row again changes nothing."
            ),
            button=gettext("Read the file"),
            back=list_address(BankFile),
        )
        form = BankFileForm(**sent(request))
        form.initial = {"seller": Seller.objects.order_by("pk").first()}
        return ask(self, request, question, form, lambda data: take(request, data))


def take(request: HttpRequest, data: dict[str, Any]) -> HttpResponse:
    """Take the file in, and nudge the matching."""
    now, file = timezone.now(), data["file"]
    told = {"seller": data["seller"], "account": data["account"], "mapping": data["mapping"]}
    record = taking_in.read(file.read(), name=file.name, at=now, by=request.user, **told)
    transaction.on_commit(lambda: matching.match_waiting(at=now))
    if record.status == BankFile.Status.REFUSED:
        said = gettext("Nothing was imported: %(bad)s rows are wrong.") % {"bad": len(record.errors)}
    else:
        said = gettext("%(new)s new credits, %(known)s known already.") % {
            "new": record.credits_new,
            "known": record.known,
        }
    return done(request, said, record)


@admin.register(TransferClaim)
class TransferClaimAdmin(Reading):
    """What customers told us of transfers."""

    list_display = ["made", "tenant", "total", "paid", "payer_name", "last_digits", "state_pill", "reason"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "payer_name", "remark"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("made_at", RangeDateTimeFilter),
    ]
    ordering = ["-made_at", "-id"]
    fields = ["tenant", "seller", "total", "paid", "payer_name", "last_digits", "remark", "receipt_name", "state_pill"]
    fields += ["credit", "reason", "made", "made_by"]
    actions_detail = ["receipt", "decline"]

    state_pill = state("state", CLAIM_TONES, _("state"))
    total = amount("amount_minor", _("amount"))
    paid = day("paid_on", _("paid on"))
    made = moment("made_at", _("sent"))

    @act(_("Receipt"), needs="invoices.view_transferclaim", icon="receipt", when=lambda row: bool(row.receipt_sha256))
    def receipt(self, request: HttpRequest, row: TransferClaim) -> HttpResponse:
        return receipt_file(row)

    @act(_("Decline"), needs="invoices.change_transferclaim", icon="block", when=lambda row: row.state == "open")
    def decline(self, request: HttpRequest, row: TransferClaim) -> HttpResponse:
        def settle(data: dict[str, Any]) -> HttpResponse:
            claiming.decline(row, reason=data["reason"], at=timezone.now(), by=request.user)
            return done(request, gettext("Answered; the customer reads the reason."), row)

        question = Question(
            title=gettext("Decline the claim of “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("The customer reads the reason; he may send the claim again."),
            button=gettext("Decline"),
            back=address(row),
        )
        return ask(self, request, question, ReasonForm(**sent(request)), settle)
