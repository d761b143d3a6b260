"""Versions of plans: a draft is edited, compared and published; what is published is never edited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from billing import catalogue, formatting
from billing.admin.columns import moment
from billing.admin.moving import ask_to_move, may_move
from billing.admin.plans import VERSION_TONES, new_draft
from billing.admin.prices import keep
from billing.admin.pricing import PriceForm, PricingQuestion
from billing.admin.readable import differences, price_row
from billing.models import PlanVersion, Price
from billing.money import Money, UnknownCurrency
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.companies import note
from tenants.admin.listing import EMPTY, Listing, state


class VersionForm(forms.ModelForm):
    """A draft's terms; the commitment is written in whole units of the currency."""

    minimum = forms.CharField(
        label=_("commitment per period"),
        required=False,
        help_text=_("Empty: none. What a period's charges come to is raised to it."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )

    class Meta:
        model = PlanVersion
        fields = [name for name in catalogue.TERMS if name != "minimum_minor"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.minimum_minor is not None:
            self.initial["minimum"] = str(Money(self.instance.minimum_minor, self.instance.currency))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text = (data.get("minimum") or "").replace(",", "").strip()
        try:
            self.instance.minimum_minor = Money.of(text, data.get("currency", "")).minor if text else None
        except (ValueError, UnknownCurrency):
            self.add_error("minimum", _("This is no amount in this currency: write digits, such as 5000.00."))
            return data
        if self.instance.minimum_minor is not None and self.instance.minimum_minor < 0:
            self.add_error("minimum", _("A commitment cannot be below zero."))
        return data


def is_draft(version: PlanVersion) -> bool:
    return version.status == "draft"


@admin.register(PlanVersion)
class PlanVersionAdmin(Listing):
    """Versions of plans."""

    form = VersionForm
    change_form_outer_before_template = "admin/version_prices.html"
    list_display = ["__str__", "status_pill", "currency", "interval", "term", "price_count", "users", "published"]
    list_select_related = ["plan"]
    search_fields = ["plan__code", "plan__name", "plan__name_en"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("plan", RelatedDropdownFilter),
        ("interval", ChoicesDropdownFilter),
        ("term", ChoicesDropdownFilter),
    ]
    readonly_fields = ["plan", "number", "status_pill", "published", "published_by", "sha256", "commitment"]
    actions_detail = ["new_draft", "add_price", "compare", "publish", "move", "discard"]

    status_pill = state("status", VERSION_TONES, _("state"))
    published = moment("published_at", _("published"))

    @admin.display(description=_("commitment per period"))
    def commitment(self, row: PlanVersion) -> str:
        return EMPTY if row.minimum_minor is None else formatting.money(row.minimum_minor, row.currency)

    def get_fieldsets(self, request: HttpRequest, obj: PlanVersion | None = None) -> list[Any]:
        sealed = obj is not None and not self.has_change_permission(request, obj)
        head = ["plan", "number", "status_pill", *(["published", "published_by", "sha256"] if sealed else [])]
        minimum = "commitment" if sealed else "minimum"
        return [
            (None, {"fields": head}),
            (_("Billing"), {"fields": ["currency", "interval", "term", "alignment", "billing_day", minimum]}),
            (_("Trial"), {"fields": ["trial_days", "after_trial"]}),
            (_("Changes and refunds"), {"fields": ["proration", "refund", "credit_removals", "undo_hours"]}),
            (_("Terms of service"), {"fields": ["terms"]}),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        counts = {"prices_count": Count("prices", distinct=True), "users_count": Count("subscriptions", distinct=True)}
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=_("prices"), ordering="prices_count")
    def price_count(self, row: Any) -> int:
        return row.prices_count

    @admin.display(description=_("subscriptions"), ordering="users_count")
    def users(self, row: Any) -> int:
        return row.users_count

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PlanVersion, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "plan.draft_saved", obj, form, tenant=None)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        version = self.get_object(request, object_id) if object_id else None
        extra = {"version": version, "price_rows": self.price_rows(version), "editable": version and is_draft(version)}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def price_rows(self, version: PlanVersion | None) -> list[dict[str, Any]]:
        """Return the prices of a version with their rows."""
        if version is None:
            return []
        prices = version.prices.select_related("meter")
        return [{"price": price, "row": price_row(price, version.currency), "to": address(price)} for price in prices]

    @act(
        _("New draft"),
        needs="billing.change_planversion",
        icon="edit_document",
        when=lambda version: not is_draft(version),
        variant=ActionVariant.PRIMARY,
    )
    def new_draft(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        return new_draft(self, request, version.plan)

    @act(_("Compare with the version on sale"), needs="billing.view_planversion", icon="difference")
    def compare(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        others = version.plan.versions.exclude(pk=version.pk)
        other = others.filter(status="published").first() or others.filter(number__lt=version.number).first()
        found = differences(other, version) if other else []
        lead = gettext("Nothing differs.") if other else gettext("There is no other version to compare with.")
        question = Question(
            title=gettext("“%(new)s” against “%(old)s”") % {"new": version, "old": other} if other else str(version),
            lead="" if found else lead,
            heads=(gettext("what"), str(other), str(version)) if found else (),
            rows=tuple(found),
            button="",
            back=address(version),
        )
        return ask(self, request, question, Nothing(), lambda _data: done(request, "", version))

    @act(
        _("Publish"),
        needs="billing.change_planversion",
        icon="publish",
        when=is_draft,
        variant=ActionVariant.PRIMARY,
    )
    def publish(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        def seal(_data: dict[str, Any]) -> HttpResponse:
            catalogue.publish(version, at=timezone.now(), by=request.user)
            return done(request, gettext("“%(version)s” is on sale from now on.") % {"version": version}, version)

        rows = [price_row(price, version.currency) for price in version.prices.select_related("meter")]
        question = Question(
            title=gettext("Publish “%(version)s”") % {"version": version},
            lead=gettext(
                "These are all its prices. Once published nothing of it can be changed; customers stay on the version they have."
            ),
            heads=tuple(rows[0]) if rows else (),
            rows=tuple(tuple(row.values()) for row in rows),
            button=gettext("Publish these prices"),
            back=address(version),
        )
        return ask(self, request, question, Nothing(**sent(request)), seal)

    @act(_("Move subscribers"), needs="billing.change_planversion", icon="move_down", when=may_move)
    def move(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        return ask_to_move(self, request, version)

    @act(_("Add a price"), needs="billing.change_planversion", icon="add", when=is_draft)
    def add_price(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        fresh = Price(version=version, position=version.prices.count(), timing=Price.Timing.ADVANCE)
        form = PriceForm(**sent(request), instance=fresh)
        return ask(
            self, request, PricingQuestion.of(version, gettext("Add a price")), form, keep(request, form, version)
        )

    @act(_("Throw the draft away"), needs="billing.change_planversion", icon="delete", when=is_draft)
    def discard(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        def throw(_data: dict[str, Any]) -> HttpResponse:
            note(request, "plan.draft_discarded", version, None, tenant=None)
            version.prices.all().delete()
            version.delete()
            return done(request, gettext("The draft is gone. What is on sale did not change."), version.plan)

        question = Question(
            title=gettext("Throw “%(version)s” away") % {"version": version},
            lead=gettext("The draft and its prices are removed. What is on sale does not change."),
            button=gettext("Throw the draft away"),
            back=address(version),
        )
        return ask(self, request, question, Nothing(**sent(request)), throw)
