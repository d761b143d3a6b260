"""The contact's form: what a company may change about those who receive its bills."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext_lazy as _

from invoices.pages.visit import Visit
from tenants.models import Contact
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
