"""Files of customers that were read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget

from billing.admin.columns import moment
from invoices import importing
from invoices.models import CustomerImport
from tenants.admin.acts import Question, act, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, state

TONES = {"checked": "busy", "imported": "good", "refused": "bad"}


class FileForm(forms.Form):
    """A file of customers and the mapping that says which column is what."""

    HOW = [
        ("check", _("check only, import nothing")),
        ("all", _("import all rows, or none when one is bad")),
        ("skip", _("import the good rows, leave the bad ones out")),
        ("bad", _("give me the bad rows as a file")),
    ]
    MOST = 20 * 1024 * 1024

    file = forms.FileField(
        label=_("file"), widget=UnfoldAdminFileFieldWidget, help_text=_("CSV or XLSX, with a heading.")
    )
    mapping = forms.FileField(
        label=_("mapping"), widget=UnfoldAdminFileFieldWidget, help_text=_("YAML: which column is what.")
    )
    how = forms.ChoiceField(label=_("what to do"), choices=HOW, initial="check", widget=UnfoldAdminRadioSelectWidget)

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > self.MOST:
            raise forms.ValidationError(_("The file is larger than 20 MiB; import it with manage.py import_customers."))
        return self.cleaned_data["file"]

    def clean_mapping(self) -> str:
        try:
            return self.cleaned_data["mapping"].read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError(_("The mapping is no UTF-8 text.")) from None


@admin.register(CustomerImport)
class CustomerImportAdmin(Reading):
    """Imports of customers, with every bad row by line and column."""

    list_display = ["when", "file_name", "status_pill", "rows", "imported", "wrong", "by"]
    list_select_related = ["by"]
    search_fields = ["file_name", "sha256"]
    list_filter = [("status", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    date_hierarchy = "at"
    fields = ["file_name", "sha256", "status_pill", "rows", "imported", "when", "by", "mistakes", "mapping"]

    actions_list = ["import_customers"]

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

    @act(_("Import customers"), needs="invoices.add_customerimport", icon="upload_file", variant=ActionVariant.PRIMARY)
    def import_customers(self, request: HttpRequest) -> HttpResponse:
        question = Question(
            title=gettext("Import customers"),
            lead=gettext(
                "Every row is checked first. Customers that exist already stay as they are, so a file may be read twice."
            ),
            button=gettext("Read the file"),
            back=list_address(CustomerImport),
        )
        return ask(self, request, question, FileForm(**sent(request)), lambda data: take(request, data))


def take(request: HttpRequest, data: dict[str, Any]) -> HttpResponse:
    """Read the file and do with it what was asked."""
    report = importing.read(data["file"].read(), data["file"].name, data["mapping"])
    now, by = timezone.now(), request.user
    if data["how"] == "bad":
        told = importing.bad_rows(report).encode("utf-8-sig")
        named = {"Content-Disposition": 'attachment; filename="bad-rows.csv"'}
        return HttpResponse(told, content_type="text/csv; charset=utf-8", headers=named)
    if data["how"] == "check":
        record = importing.look(report, at=now, by=by)
    else:
        record = importing.run(report, at=now, by=by, skip_bad=data["how"] == "skip")
    words = {
        "rows": report.rows,
        "new": len(report.entries),
        "known": len(report.existing),
        "bad": len(report.bad_lines),
    }
    said = gettext(
        "%(rows)s rows: %(new)s new customers, %(known)s known already, %(bad)s bad rows. Imported: %(imported)s."
    )
    return done(request, said % {**words, "imported": record.imported}, record)
