"""Single prices: of plan versions, of groups' lists. What is published is read; a draft's is edited on one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant

from billing import catalogue
from billing.admin.columns import moment
from billing.admin.plans import VERSION_TONES
from billing.admin.pricing import EntryForm, PriceForm, PricingQuestion, preview
from billing.contracts import rating_of
from billing.forms import examples
from billing.models import Price, PriceList, PriceListEntry
from billing.wording import price_text
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.companies import note
from tenants.admin.listing import Listing, Reading, state


def keep(request: HttpRequest, form: Any, back: Any) -> Callable[[dict[str, Any]], HttpResponse]:
    """Return the act that saves a price and goes back to where it stands."""

    def save(_data: dict[str, Any]) -> HttpResponse:
        row = form.save()
        note(request, f"{row._meta.model_name}.saved", row, form, tenant=None)
        return done(request, gettext("Saved. It is charged to nobody before it is published."), back)

    return save


def remove(request: HttpRequest, row: Any, back: Any) -> Callable[[dict[str, Any]], HttpResponse]:
    """Return the act that removes a price of a draft."""

    def drop(_data: dict[str, Any]) -> HttpResponse:
        note(request, f"{row._meta.model_name}.removed", row, None, tenant=None)
        row.delete()
        return done(request, gettext("Removed from the draft."), back)

    return drop


def removal(row: Any, back: Any) -> Question:
    """Return the question before a price is removed."""
    title = gettext("Remove “%(price)s” from the draft") % {"price": row}
    return Question(title=title, button=gettext("Remove"), back=address(back))


def example_lines(row: Any, currency: str) -> str:
    """Return what some quantities cost by a kept price, a line each."""
    found = examples(rating_of(row.model, row.params), currency)
    return format_html_join("", "<div>{} → {}</div>", ((one["quantity"], one["amount"]) for one in found))


def of_draft(price: Price) -> bool:
    return price.version.status == "draft"


@admin.register(Price)
class PriceAdmin(Reading):
    """Prices of plan versions."""

    list_display = ["name", "code", "version", "kind", "model", "asks", "meter", "timing", "optional"]
    list_select_related = ["version__plan", "meter"]
    search_fields = ["code", "name", "name_en", "version__plan__code", "version__plan__name"]
    list_filter = [
        ("version__status", ChoicesDropdownFilter),
        ("version__plan", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("model", ChoicesDropdownFilter),
        ("meter", RelatedDropdownFilter),
        ("optional", BooleanRadioFilter),
    ]
    ordering = ["version__plan__code", "-version__number", "position"]
    fields = ["version", "code", "name", "name_en", "kind", "model", "asks", "costs", "meter", "match", "above"]
    fields += ["unit", "unit_en", "timing", "interval", "optional", "one_off", "tax_rate", "position"]
    actions_detail = ["edit", "take_out"]

    @admin.display(description=_("price"))
    def asks(self, row: Price) -> str:
        return price_text(row.model, row.params, row.version.currency)

    @admin.display(description=_("examples"))
    def costs(self, row: Price) -> str:
        return example_lines(row, row.version.currency)

    def get_urls(self) -> list[URLPattern]:
        own = path("preview/", self.admin_site.admin_view(preview), name="billing_price_preview")
        return [own, *super().get_urls()]

    @act(_("Edit"), needs="billing.change_price", icon="edit", when=of_draft, variant=ActionVariant.PRIMARY)
    def edit(self, request: HttpRequest, price: Price) -> HttpResponse:
        form = PriceForm(**sent(request), instance=price)
        question = PricingQuestion.of(price.version, gettext("Edit “%(price)s”") % {"price": price})
        return ask(self, request, question, form, keep(request, form, price.version))

    @act(_("Remove"), needs="billing.change_price", icon="delete", when=of_draft)
    def take_out(self, request: HttpRequest, price: Price) -> HttpResponse:
        act_of = remove(request, price, price.version)
        return ask(self, request, removal(price, price.version), Nothing(**sent(request)), act_of)


def is_draft(price_list: PriceList) -> bool:
    return price_list.status == "draft"


@admin.register(PriceList)
class PriceListAdmin(Listing):
    """Other prices for a group of customers. A published list is never edited."""

    change_form_outer_before_template = "admin/list_entries.html"
    list_display = ["name", "code", "number", "group", "seller", "status_pill", "published"]
    list_select_related = ["group", "seller"]
    search_fields = ["code", "name", "name_en", "group__name"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("group", RelatedDropdownFilter),
        ("seller", RelatedDropdownFilter),
    ]
    fields = ["seller", "group", "code", "number", "name", "name_en", "status_pill", "published"]
    readonly_fields = ["status_pill", "published"]
    autocomplete_fields = ["seller", "group"]
    actions_detail = ["add_entry", "publish"]

    status_pill = state("status", VERSION_TONES, _("state"))
    published = moment("published_at", _("published"))

    def has_change_permission(self, request: HttpRequest, obj: PriceList | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PriceList, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "price_list.saved", obj, form, tenant=None)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        found = self.get_object(request, object_id) if object_id else None
        entries = found.entries.select_related("plan").order_by("plan__name", "price_code") if found else []
        rows = [(e, address(e), price_text(e.model, e.params, found.seller.currency)) for e in entries if found]
        extra = {**(extra_context or {}), "entries": rows, "editable": found and is_draft(found)}
        return super().changeform_view(request, object_id, form_url, extra)

    @act(_("Add a price"), needs="billing.change_pricelist", icon="add", when=is_draft)
    def add_entry(self, request: HttpRequest, price_list: PriceList) -> HttpResponse:
        form = EntryForm(**sent(request), instance=PriceListEntry(price_list=price_list))
        return ask(
            self, request, entry_question(price_list, gettext("Add a price")), form, keep(request, form, price_list)
        )

    @act(_("Publish"), needs="billing.change_pricelist", icon="publish", when=is_draft, variant=ActionVariant.PRIMARY)
    def publish(self, request: HttpRequest, price_list: PriceList) -> HttpResponse:
        def seal(_data: dict[str, Any]) -> HttpResponse:
            catalogue.publish_list(price_list, at=timezone.now(), by=request.user)
            return done(
                request, gettext("The list “%(list)s” is in force for the group.") % {"list": price_list}, price_list
            )

        currency = price_list.seller.currency
        rows = [
            (e.plan, e.price_code, price_text(e.model, e.params, currency))
            for e in price_list.entries.select_related("plan")
        ]
        question = Question(
            title=gettext("Publish “%(list)s”") % {"list": price_list},
            lead=gettext("These are all its prices. They are for customers of “%(group)s” who subscribe from now on.")
            % {"group": price_list.group},
            heads=(gettext("plan"), gettext("code"), gettext("price")),
            rows=tuple(rows),
            button=gettext("Publish these prices"),
            back=address(price_list),
        )
        return ask(self, request, question, Nothing(**sent(request)), seal)


def entry_question(price_list: PriceList, title: str) -> PricingQuestion:
    """Return the question about a price of a list."""
    currency, back = price_list.seller.currency, address(price_list)
    return PricingQuestion(title=title, lead=str(price_list), button=gettext("Save"), back=back, currency=currency)


@admin.register(PriceListEntry)
class PriceListEntryAdmin(Reading):
    """Prices of groups' lists."""

    list_display = ["price_code", "plan", "price_list", "model", "asks"]
    list_select_related = ["plan", "price_list__seller"]
    search_fields = ["price_code", "plan__code", "plan__name", "price_list__name"]
    list_filter = [("price_list", RelatedDropdownFilter), ("plan", RelatedDropdownFilter)]
    fields = ["price_list", "plan", "price_code", "model", "asks", "costs"]
    actions_detail = ["edit", "take_out"]

    @admin.display(description=_("price"))
    def asks(self, row: PriceListEntry) -> str:
        return price_text(row.model, row.params, row.price_list.seller.currency)

    @admin.display(description=_("examples"))
    def costs(self, row: PriceListEntry) -> str:
        return example_lines(row, row.price_list.seller.currency)

    @act(_("Edit"), needs="billing.change_pricelistentry", icon="edit", when=lambda row: is_draft(row.price_list))
    def edit(self, request: HttpRequest, entry: PriceListEntry) -> HttpResponse:
        form = EntryForm(**sent(request), instance=entry)
        question = entry_question(entry.price_list, gettext("Edit “%(price)s”") % {"price": entry.price_code})
        return ask(self, request, question, form, keep(request, form, entry.price_list))

    @act(_("Remove"), needs="billing.change_pricelistentry", icon="delete", when=lambda row: is_draft(row.price_list))
    def take_out(self, request: HttpRequest, entry: PriceListEntry) -> HttpResponse:
        act_of = remove(request, entry, entry.price_list)
        return ask(self, request, removal(entry, entry.price_list), Nothing(**sent(request)), act_of)
