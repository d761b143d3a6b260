"""Files of customers that were read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from billing.admin.columns import moment
from invoices.models import CustomerImport
from tenants.admin.listing import EMPTY, Reading, state

TONES = {"checked": "busy", "imported": "good", "refused": "bad"}


@admin.register(CustomerImport)
class CustomerImportAdmin(Reading):
    """Imports of customers, with every bad row by line and column."""

    list_display = ["when", "file_name", "status_pill", "rows", "imported", "wrong", "by"]
    list_select_related = ["by"]
    search_fields = ["file_name", "sha256"]
    list_filter = [("status", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    date_hierarchy = "at"
    fields = ["file_name", "sha256", "status_pill", "rows", "imported", "when", "by", "mistakes", "mapping"]

    status_pill = state("status", TONES, _("state"))
    when = moment("at", _("at"))

    @admin.display(description=_("errors"))
    def wrong(self, row: CustomerImport) -> int:
        return len(row.errors)

    @admin.display(description=_("errors"))
    def mistakes(self, row: CustomerImport) -> str:
        if not row.errors:
            return EMPTY
        rows = ((e.get("line", ""), e.get("column", ""), e.get("message", "")) for e in row.errors[:200])
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        heads = format_html_join("", '<th scope="col">{}</th>', ((_("line"),), (_("column"),), (_("reason"),)))
        return format_html(
            '<table class="operators-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', heads, body
        )
