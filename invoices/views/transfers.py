"""Paying by transfer: where to, telling us of one, and the receipts that came with it."""

from __future__ import annotations

from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.money import Money
from invoices import claiming, matching, remitting
from invoices.forms import FormPage
from invoices.models import TransferClaim
from invoices.pages import frame
from invoices.pages import transfers as transfers_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page, reading, visit_of
from tenants import access
from tenants.errors import DomainError, WrongState
from tenants.models import Member


class ClaimForm(forms.Form):
    """What a customer tells us of a transfer."""

    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=40)
    paid_on = forms.DateField(
        label=gettext_lazy("Paid on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    payer_name = forms.CharField(
        label=gettext_lazy("Payer"),
        max_length=200,
        help_text=gettext_lazy("The name of the account that paid, as the bank writes it."),
    )
    last_digits = forms.CharField(
        label=gettext_lazy("Last four digits of that account"),
        max_length=4,
        required=False,
        help_text=gettext_lazy("Nothing more of the number; we do not keep it."),
    )
    remark = forms.CharField(label=gettext_lazy("Remark of the transfer"), max_length=300, required=False)
    receipt = forms.FileField(
        label=gettext_lazy("Receipt of the bank"),
        required=False,
        help_text=gettext_lazy("PDF, JPEG or PNG, at most 5 MiB."),
        widget=forms.FileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def clean_amount(self) -> str:
        return self.cleaned_data["amount"].replace(",", "").replace("¥", "").strip()


@page("portal/transfer.html", "payments", "transfer")
def _transfer(visit: Visit, request: HttpRequest) -> transfers_page.TransferPage:
    return transfers_page.page(visit)


@login_required
def transfer(request: HttpRequest, company: str) -> HttpResponse:
    """Show how to pay by transfer; the first time a member opens it, the company's code is drawn."""
    visit = visit_of(request, company)
    seller = frame.seller_of(visit)
    if seller is not None and seller.bank_account:
        remitting.code_of(visit.tenant, seller, at=visit.at)
    return _transfer(request, company=company)


@acting(roles=Member.MAY_PAY)
def claim(visit: Visit, request: HttpRequest) -> HttpResponse | str:
    sent = request.method == "POST"
    form = ClaimForm(request.POST, request.FILES) if sent else ClaimForm(initial=suggested(visit))
    if sent and form.is_valid() and told(visit, form):
        messages.success(
            request, _("Thank you. We look for it at the bank; the answer stands below."), extra_tags="done"
        )
        return visit.to("transfer")
    with timezone.override(visit.zone), access.as_tenant(visit.tenant):
        data = FormPage(_("Tell us of a transfer"), form, visit.to("transfer"))
        around = {"page": data, "frame": frame.frame(visit, "payments", ""), "visit": visit}
        return render(request, "portal/claim.html", around)


def suggested(visit: Visit) -> dict[str, object]:
    """Return what the form begins with."""
    return {"payer_name": visit.tenant.name, "paid_on": visit.today, "key": uuid4().hex}


def told(visit: Visit, form: ClaimForm) -> TransferClaim | None:
    """Record the claim and look for its money at once; put what is refused at its field and return nothing."""
    said, file = dict(form.cleaned_data), form.cleaned_data["receipt"]
    try:
        seller = frame.seller_of(visit)
        if seller is None:
            raise WrongState(_("There is nobody yet to transfer to."))
        said["amount"] = Money.of(said["amount"], visit.tenant.currency)
        said["receipt"] = claiming.Receipt(file.name, file.read(claiming.MOST_BYTES + 1)) if file else None
        made = claiming.claim(visit.tenant, seller=seller, at=visit.at, by=visit.user, **said)
    except ValueError:
        form.add_error("amount", _("This is no amount: write digits, such as 36.00."))
    except DomainError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
    else:
        transaction.on_commit(lambda: matching.match_waiting(at=visit.at))
        return made
    return None


@reading
def receipt(visit: Visit, request: HttpRequest, pk: int) -> HttpResponse:
    found = TransferClaim.objects.filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise Http404
    return receipt_file(found)


def receipt_file(claim: TransferClaim) -> HttpResponse:
    """Answer with a receipt, to be saved: what somebody sent is never shown as a page of ours."""
    answer = HttpResponse(claiming.receipt_of(claim), content_type=claim.receipt_type)
    answer.headers["Content-Disposition"] = "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
