"""Choose a customer by typing: thousands of them are no list to scroll."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.models import Tenant


class CustomerField(forms.CharField):
    """A customer's code, or enough of the name to mean one; cleaned to the customer."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": _("customer"), "help_text": _("Code or name of the customer.")} | kwargs)

    def clean(self, value: Any) -> Tenant | None:  # type: ignore[override]
        text = super().clean(value)
        if not text:
            return None
        found = self.meant(text)
        if len(found) == 1:
            return found[0]
        several = gettext("Several customers are called so; write the code.")
        raise forms.ValidationError(several if found else gettext("There is no such customer."))

    def meant(self, text: str) -> list[Tenant]:
        """Return whom the text may mean: at most two are looked for."""
        return list(Tenant.objects.filter(code=text)[:1]) or list(Tenant.objects.filter(name__icontains=text)[:2])
