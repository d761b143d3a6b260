"""The forms of a company's own settings: who receives its bills, and above which amount a purchase needs a second person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from invoices.pages.visit import Visit
from tenants.models import Contact, Tenant
from tenants.profiles import CONTACT_FIELDS, NewContact


class ContactForm(forms.ModelForm):
    """A contact; its rules are the model's."""

    class Meta:
        model = Contact
        fields = CONTACT_FIELDS

    def said(self) -> NewContact:
        """Return what was said, ready for the verb."""
        return NewContact(**{name: self.cleaned_data[name] for name in CONTACT_FIELDS})

    def clean(self) -> dict:
        """Refuse a receiver of bills without an address, at the field."""
        found = super().clean() or self.cleaned_data
        if found.get("receives_bills") and not found.get("email"):
            self.add_error("email", _("Bills are sent by e-mail: give an address, or switch “receives bills” off."))
        return found


class LimitForm(forms.Form):
    """Above which amount a purchase needs a second person of the company; empty for no limit."""

    limit = forms.CharField(
        label=_("limit"),
        required=False,
        max_length=20,
        help_text=_(
            "What counts is the higher of two figures, with tax: what is to pay at once, and what a year of it comes to."
            " Empty: no limit."
        ),
    )

    def __init__(self, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        now = tenant.purchase_limit_minor
        self.initial["limit"] = "" if now is None else str(Money(now, tenant.currency))

    def clean_limit(self) -> int | None:
        """Return minor units, or None for no limit."""
        said = self.cleaned_data["limit"].replace(",", "").replace("¥", "").strip()
        if not said:
            return None
        try:
            found = Money.of(said, self.tenant.currency).minor
        except ValueError:
            raise forms.ValidationError(_("This is no amount: write digits, such as 36.00.")) from None
        if found < 0:
            raise forms.ValidationError(_("A limit is zero or more."))
        return found


@dataclass(frozen=True)
class FormPage:
    """A page with one form."""

    title: str
    form: forms.BaseForm
    back: str


def contact_of(visit: Visit, pk: int | None) -> Contact | None:
    """Return the contact to be changed, a new one for no number, None when there is no such contact."""
    if pk is None:
        return Contact(tenant=visit.tenant)
    return Contact.objects.filter(tenant=visit.tenant, pk=pk).first()


def all_contacts(visit: Visit, changed: NewContact | None, pk: int | None) -> list[NewContact]:
    """Return the company's contacts with one changed, added, or taken away."""
    found = []
    for row in Contact.objects.filter(tenant=visit.tenant).order_by("pk"):
        if row.pk != pk:
            found.append(NewContact(**{name: getattr(row, name) for name in CONTACT_FIELDS}))
        elif changed:
            found.append(changed)
    return found if pk is not None or changed is None else [*found, changed]
