"""The book: accounts, transactions and postings, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)

from billing import formatting
from billing.admin.columns import amount, moment
from billing.models import Account, LedgerSeal, LedgerTransaction, Posting
from tenants.admin.listing import Endless, Reading, Rows


@admin.register(Account)
class AccountAdmin(Reading):
    """Accounts with what they stand at."""

    list_display = ["kind_name", "seller", "currency", "tenant", "balance"]
    list_select_related = ["seller", "tenant"]
    search_fields = ["kind", "tenant__code", "tenant__name"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("seller", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
    ]
    ordering = ["seller_id", "kind", "id"]
    fields = ["kind_name", "seller", "currency", "tenant", "balance"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).annotate(sum=Sum("postings__amount_minor", default=0))

    @admin.display(description=_("account"), ordering="kind")
    def kind_name(self, row: Account) -> str:
        return row.get_kind_display()

    @admin.display(description=_("balance (debit positive)"), ordering="sum")
    def balance(self, row: Any) -> str:
        return formatting.money(int(row.sum), row.currency)


class PostingRows(Rows):
    model = Posting
    fields = ["account", "tenant", "side"]
    side = amount("amount_minor", _("debit (+) or credit (−)"), currency="account.currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return super().get_queryset(request).select_related("account", "tenant")


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(Endless):
    """What was booked, and from which source."""

    list_display = ["when", "kind", "source", "source_id", "tenant", "seller", "currency"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["source", "=source_id", "kind", "tenant__code", "tenant__name"]
    list_filter = [
        ("seller", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("at", RangeDateTimeFilter),
    ]
    inlines = [PostingRows]
    fields = ["when", "source", "source_id", "kind", "tenant", "seller", "currency"]

    when = moment("at", _("at"))


@admin.register(LedgerSeal)
class LedgerSealAdmin(Endless):
    """Each seller's chain of seals, the head first: who keeps its hash can prove the whole book."""

    list_display = ["when", "seller", "number", "count", "sha256"]
    list_select_related = ["seller"]
    search_fields = ["sha256", "=number"]
    list_filter = [("seller", RelatedDropdownFilter), ("at", RangeDateTimeFilter)]
    fields = ["when", "seller", "number", "count", "previous", "sha256"]

    when = moment("at", _("at"))


@admin.register(Posting)
class PostingAdmin(Endless):
    """Single sides of the book."""

    list_display = ["id", "when", "transaction", "account", "tenant", "side"]
    list_select_related = ["transaction", "account", "tenant"]
    search_fields = ["tenant__code", "tenant__name", "transaction__source", "=transaction__source_id"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("account__kind", ChoicesDropdownFilter),
        ("transaction__at", RangeDateTimeFilter),
    ]
    fields = ["transaction", "account", "tenant", "side"]

    when = moment("transaction.at", _("at"))
    side = amount("amount_minor", _("debit (+) or credit (−)"), currency="account.currency")
