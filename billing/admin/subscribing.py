"""Subscribe a customer: choose what is on sale, say quantities, and where agreed, prices of this contract's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing import subscriptions, weighing
from billing.forms import PricingForm, figure, filled
from billing.models import PlanVersion, Price, Subscription
from billing.models.catalogue import Status
from billing.orders import Order
from billing.wording import price_text
from tenants.admin.acts import Question, address, ask, done, sent
from tenants.models import Authorisation, Tenant


class PlanForm(forms.Form):
    """Which of the plans on sale."""

    version = forms.ModelChoiceField(PlanVersion.objects.none(), label=_("plan"), widget=UnfoldAdminSelectWidget)

    def __init__(self, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        on_sale = PlanVersion.objects.filter(status=Status.PUBLISHED, plan__on_sale=True, currency=tenant.currency)
        self.fields["version"].queryset = on_sale.select_related("plan").order_by("plan__name")


@dataclass
class OwnPrice:
    """A price of the plan, and the form in which this contract may have another."""

    price: Price
    text: str
    form: PricingForm

    @property
    def wanted(self) -> bool:
        """Whether the contract has a price of its own here."""
        return bool(self.form.data.get(self.name)) if self.form.is_bound else False

    @property
    def name(self) -> str:
        """The name of the box that says so."""
        return f"{self.form.prefix}-use"

    @property
    def open(self) -> bool:
        """Whether the page shows the form at once."""
        return self.wanted


class OrderForm(forms.Form):
    """The order: from when, how many, how it is paid."""

    start_on = forms.DateField(label=_("first day"), widget=UnfoldAdminSingleDateWidget)
    end_on = forms.DateField(
        label=_("day after the last one"),
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text=_("Empty: no fixed end."),
    )
    label = forms.CharField(
        label=_("label"),
        required=False,
        max_length=60,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Only to tell several subscriptions of one product apart."),
    )
    pays = forms.ChoiceField(label=_("paid"), choices=Subscription.Pays.choices, widget=UnfoldAdminSelectWidget)
    consent = forms.ModelChoiceField(
        Authorisation.objects.none(),
        label=_("renews by itself under"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("A member's recorded consent. Empty: it ends with its first term."),
    )
    twice = forms.BooleanField(
        label=_("The customer wants it twice"),
        required=False,
        help_text=_("Only where another account with the same tax number has this product, and the customer said so."),
    )
    purchase_order = forms.CharField(
        label=_("purchase order"), required=False, max_length=60, widget=UnfoldAdminTextInputWidget
    )
    cost_centre = forms.CharField(
        label=_("cost centre"), required=False, max_length=60, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, tenant: Tenant, version: PlanVersion, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant, self.version = tenant, version
        self.prices = list(version.prices.order_by("position", "id"))
        self.initial["start_on"] = timezone.localdate(timezone=ZoneInfo(tenant.timezone))
        in_force = Authorisation.objects.in_force().filter(tenant=tenant, seller=version.plan.seller_id)
        self.fields["consent"].queryset = in_force
        self.add_quantities()
        self.owns = [self.own(price, kwargs.get("data")) for price in self.prices]

    def add_quantities(self) -> None:
        """Add a box for each optional price and a number for each price that is bought in numbers."""
        for price in self.prices:
            if price.optional:
                self.fields[f"take-{price.code}"] = forms.BooleanField(
                    label=_("with “%(name)s”") % {"name": price.name}, required=False, widget=UnfoldBooleanWidget
                )
            if price.kind == Price.Kind.SEAT:
                unit = f" ({price.unit})" if price.unit else ""
                self.fields[f"count-{price.code}"] = figure(_("how many: %(name)s") % {"name": f"{price.name}{unit}"})

    def own(self, price: Price, data: Any) -> OwnPrice:
        """Return the form for a price of this contract's own; it begins with the plan's."""
        used = data if data is not None and data.get(f"own-{price.pk}-use") else None
        form = PricingForm(data=used, prefix=f"own-{price.pk}", initial=filled(price.model, price.params))
        return OwnPrice(price, price_text(price.model, price.params, self.version.currency), form)

    def is_valid(self) -> bool:
        wrong = [own for own in self.owns if own.wanted and not own.form.is_valid()]
        return super().is_valid() and not wrong

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for price in self.prices:
            name = f"count-{price.code}"
            if not data.get(name):
                continue
            try:
                data[name] = Decimal(data[name].replace(",", ""))
            except InvalidOperation:
                self.add_error(name, _("This is no number."))
        return data

    def order(self) -> Order:
        """Return what was ordered, ready for the verb."""
        data = self.cleaned_data
        given = {p.code: data[f"count-{p.code}"] for p in self.prices if data.get(f"count-{p.code}")}
        own = {o.price.code: o.form.cleaned_data for o in self.owns if o.wanted}
        return Order(
            tenant=self.tenant,
            version=self.version,
            start_on=data["start_on"],
            end_on=data["end_on"],
            quantities=given,
            modules=[p.code for p in self.prices if data.get(f"take-{p.code}")],
            negotiated={code: {"model": d["model"], **d["params"]} for code, d in own.items()},
            label=data["label"],
            pays=data["pays"],
            consent=data["consent"],
            twice=data["twice"],
            purchase_order=data["purchase_order"],
            cost_centre=data["cost_centre"],
        )


@dataclass(frozen=True, kw_only=True)
class OrderQuestion(Question):
    """A question that is an order, with prices in `currency`."""

    currency: str
    owns: Sequence[OwnPrice]
    template: str = "admin/subscribe.html"


def subscribe(admin: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """Ask which plan; then, with `?version=`, ask for the order and start the subscription."""
    chosen = request.GET.get("version", "")
    on_sale = PlanVersion.objects.filter(status=Status.PUBLISHED).select_related("plan__seller")
    version = on_sale.filter(pk=int(chosen)).first() if chosen.isdigit() else None
    return order_page(admin, request, tenant, version) if version else choice_page(admin, request, tenant)


def choice_page(admin: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """Ask which plan."""

    def choose(data: dict[str, Any]) -> HttpResponse:
        return HttpResponseRedirect(f"{request.path}?version={data['version'].pk}")

    question = Question(
        title=gettext("Subscribe “%(tenant)s”") % {"tenant": tenant},
        lead=gettext("These are the plans on sale in %(currency)s.") % {"currency": tenant.currency},
        button=gettext("Go on"),
        back=address(tenant),
    )
    return ask(admin, request, question, PlanForm(tenant, **sent(request)), choose)


def order_page(admin: Any, request: HttpRequest, tenant: Tenant, version: PlanVersion) -> HttpResponse:
    """Ask for the order, and start the subscription."""
    form = OrderForm(tenant, version, **sent(request))

    def start(_data: dict[str, Any]) -> HttpResponse:
        now = timezone.now()
        made = subscriptions.start_one(form.order(), at=now, by=request.user)
        weighing.refuse_start(made, at=now)
        return done(
            request, gettext("“%(tenant)s” is subscribed; the next run bills what is due.") % {"tenant": tenant}, made
        )

    question = OrderQuestion(
        title=gettext("Subscribe “%(tenant)s” to “%(plan)s”") % {"tenant": tenant, "plan": version.plan},
        lead=gettext("Version %(number)s, billed every %(interval)s, term: %(term)s.")
        % {"number": version.number, "interval": version.get_interval_display(), "term": version.get_term_display()},
        button=gettext("Start the subscription"),
        back=address(tenant),
        currency=version.currency,
        owns=form.owns,
    )
    return ask(admin, request, question, form, start)
