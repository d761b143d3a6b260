"""What stands around every page: mark, places, tabs, banner, and the four promises with their live state."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from invoices.models import Dispute, Invoice, InvoiceLine
from invoices.pages import banner, notices
from invoices.pages.visit import Visit
from tenants import agreements
from tenants.models import Seller
from tenants.models.agreements import RENEWS

WEIGHTS = (Decimal("0.2126"), Decimal("0.7152"), Decimal("0.0722"))
READABLE = Decimal("4.5")


@dataclass(frozen=True)
class Link:
    """A place, tab, company or button; `icon` puts a place on the phone's bar under its `short` name."""

    name: str
    address: str
    current: bool = False
    icon: str = ""
    short: str = ""


@dataclass(frozen=True)
class Promise:
    """One of the four promises and how it stands now."""

    name: str
    state: str
    address: str


@dataclass(frozen=True)
class Frame:
    """Everything of a page but its own content."""

    brand: str
    mark: str
    colour_address: str
    home: str
    help: str
    company: str
    person: str
    companies: tuple[Link, ...]
    places: tuple[Link, ...]
    bar: tuple[Link, ...]
    tabs: tuple[Link, ...]
    banner: banner.Banner
    promises: tuple[Promise, ...]
    tax: str
    at: datetime
    phone: str


def frame(visit: Visit, place: str, tab: str) -> Frame:
    """Return the frame of one page: `place` is one of the seven, `tab` a part of it."""
    seller = seller_of(visit)
    return Frame(
        brand=seller.brand_in(visit.language) if seller else _("Mingzhang"),
        mark=seller.mark if seller else _("M"),
        colour_address=visit.to("brand_css") if seller else "",
        home=visit.to("overview"),
        help=visit.to("help"),
        company=visit.tenant.name_in(visit.language),
        person=visit.user.get_short_name(),
        companies=companies(visit),
        places=places(visit, place),
        bar=bar(places(visit, place)),
        tabs=tabs(visit, place, tab),
        banner=banner.banner(visit, full=place == "overview"),
        promises=promises(visit),
        tax=_("Amounts in %(currency)s; %(tax)s; times are %(zone)s time")
        % {
            "currency": _("renminbi") if visit.tenant.currency == "CNY" else visit.tenant.currency,
            "tax": _("tax included") if seller is None or seller.tax_inclusive else _("tax is added"),
            "zone": zone_name(visit),
        },
        at=visit.at,
        phone=seller.phone if seller else "",
    )


def zone_name(visit: Visit) -> str:
    """Return how people call the company's clock."""
    name = visit.tenant.timezone
    return _("Beijing") if name == "Asia/Shanghai" else name.rpartition("/")[2].replace("_", " ")


def seller_of(visit: Visit) -> Seller | None:
    """Return whose customer this is: the seller of the newest subscription, else the only seller there is."""
    mine = Seller.objects.filter(subscriptions__tenant=visit.tenant).order_by("-subscriptions__created_at").first()
    return mine or Seller.objects.order_by("pk").first()


def companies(visit: Visit) -> tuple[Link, ...]:
    return tuple(
        Link(company.name_in(visit.language), visit.home_of(company), company == visit.tenant)
        for company in visit.companies
    )


def places(visit: Visit, place: str) -> tuple[Link, ...]:
    """Return the seven places; four of them stand on the phone's bar."""
    seven = (
        ("overview", _("Overview"), "overview", _("Overview")),
        ("subscription", _("Subscription"), "plan", _("Plan")),
        ("usage", _("Usage"), "usage", _("Usage")),
        ("bills", _("Bills"), "bill", _("Bills")),
        ("payments", _("Payments"), "", ""),
        ("controls", _("Controls"), "", ""),
        ("settings", _("Settings"), "", ""),
    )
    return tuple(Link(name, visit.to(code), code == place, icon, short) for code, name, icon, short in seven)


def bar(seven: tuple[Link, ...]) -> tuple[Link, ...]:
    """Return the places on the phone's bar, in the order in which a thumb wants them."""
    order = ("overview", "bill", "usage", "plan")
    return tuple(sorted((place for place in seven if place.icon), key=lambda place: order.index(place.icon)))


TABS: dict[str, Callable[[], tuple[tuple[str, str], ...]]] = {
    "subscription": lambda: (
        ("subscription", _("Current")),
        ("packs", _("Resource packs")),
        ("quotes", _("Quotes")),
        ("advisor", _("Advisor")),
        ("history", _("History")),
    ),
    "payments": lambda: (
        ("payments", _("Payments")),
        ("transfer", _("Pay by transfer")),
        ("wallet", _("Balance")),
        ("notices", _("Notices")),
    ),
    "bills": lambda: (
        ("bills", _("Bills")),
        ("disputes", _("Disputes & refunds")),
        ("doubles", _("Possibly double")),
        ("evidence", _("Evidence")),
    ),
    "usage": lambda: (("usage", _("Daily")), ("events", _("Events"))),
    "controls": lambda: (
        ("controls", _("Authorisations")),
        ("mandates", _("Deduction agreements")),
        ("budgets", _("Budgets & caps")),
        ("approvals", _("Approvals")),
        ("costs", _("What can cost money")),
    ),
    "settings": lambda: (
        ("settings", _("Company and people")),
        ("notifications", _("Notifications")),
        ("log", _("Audit log")),
    ),
}


def tabs(visit: Visit, place: str, tab: str) -> tuple[Link, ...]:
    """Return the parts of a place; a page below a part (`tab` empty) shows none."""
    if not tab:
        return ()
    return tuple(Link(name, visit.to(code), code == tab) for code, name in TABS[place]()) if place in TABS else ()


def promises(visit: Visit) -> tuple[Promise, ...]:
    """Return agreed, announced, explained, reversible, each with what is true now."""
    in_force = agreements.in_force(visit.at).filter(tenant=visit.tenant).exclude(scope=RENEWS).count()
    agreed = ngettext("%(count)s in force", "%(count)s in force", in_force) % {"count": in_force}
    return (
        Promise(_("Agreed"), agreed if in_force else _("none given, nothing is deducted"), visit.to("controls")),
        Promise(_("Announced"), notices.promise(visit), visit.to("notices")),
        Promise(_("Explained"), explained(visit), visit.to("evidence")),
        Promise(_("Reversible"), reversible(visit), visit.to("disputes")),
    )


def reversible(visit: Visit) -> str:
    """Return how many disputes wait for our answer, or that any line may be questioned."""
    waiting = Dispute.objects.filter(tenant=visit.tenant).live().count()
    if not waiting:
        return _("any line can be questioned")
    if not Invoice.objects.filter(tenant=visit.tenant, frozen_minor__gt=0).exists():  # what was paid already
        return ngettext("%(count)s dispute waits for us", "%(count)s disputes wait for us", waiting) % {
            "count": waiting
        }
    return ngettext("%(count)s dispute, its amount frozen", "%(count)s disputes, their amounts frozen", waiting) % {
        "count": waiting
    }


def explained(visit: Visit) -> str:
    """Return how far the third promise is kept now: every line that was billed can be computed again."""
    lines = InvoiceLine.objects.filter(invoice__tenant=visit.tenant).exclude(invoice__status="draft").count()
    if not lines:
        return _("every fen can be computed again")
    return ngettext("%(count)s line, can be computed again", "%(count)s lines, each can be computed again", lines) % {
        "count": lines
    }


def colour_css(colour: str) -> str:
    """Return the rule that sets a seller's colour in light, or nothing when white on it could not be read (PAGES §6)."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour) or contrast_with_white(colour) < READABLE:
        return ""
    rule = f"{{--primary:{colour};--link:{colour}}}"
    return f"[data-bs-theme=light]{rule}@media (prefers-color-scheme:light){{:root:not([data-bs-theme]){rule}}}"


def contrast_with_white(colour: str) -> Decimal:
    """Return the contrast of a colour against white, 1 to 21 (WCAG 2.2, relative luminance)."""
    channels = [Decimal(int(colour[n : n + 2], 16)) / 255 for n in (1, 3, 5)]
    linear = [
        c / Decimal("12.92")
        if c <= Decimal("0.04045")
        else ((c + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
        for c in channels
    ]
    luminance = sum((weight * c for weight, c in zip(WEIGHTS, linear, strict=True)), Decimal(0))
    return Decimal("1.05") / (luminance + Decimal("0.05"))
