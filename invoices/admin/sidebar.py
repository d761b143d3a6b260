"""The sidebar, by the river: customers, usage, prices, bills, what waits for a person, and the machine."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from billing.models import (
    Account,
    BillingPeriod,
    Change,
    Charge,
    Coupon,
    Family,
    LedgerTransaction,
    Pack,
    Plan,
    PlanVersion,
    PriceList,
    PriceMigration,
    Subscription,
    TopUp,
    Wallet,
)
from invoices.models import (
    BillingRun,
    ChargeNotice,
    CreditNote,
    CustomerImport,
    Document,
    Invoice,
    NumberSeries,
    Parked,
    Payment,
    Quote,
)
from tenants.admin.acts import list_address
from tenants.models import (
    ApiKey,
    AuditEntry,
    Authorisation,
    CustomerGroup,
    Member,
    Notice,
    Seller,
    Tag,
    Tenant,
    User,
)
from usage.models import Meter, UsageCounter, UsageEvent, UsageImport

# Of each group: model, icon, and where it is not the model's own name: title and query.
RIVER: list[tuple[Any, list[tuple[Any, ...]]]] = [
    (
        _("Customers"),
        [
            (Tenant, "apartment"),
            (Quote, "request_page"),
            (Subscription, "autorenew"),
            (Change, "published_with_changes"),
            (Member, "badge"),
            (Pack, "inventory"),
            (Authorisation, "verified_user"),
            (CustomerGroup, "groups"),
            (Tag, "sell"),
        ],
    ),
    (_("Usage"), [(Meter, "speed"), (UsageEvent, "bolt"), (UsageCounter, "bar_chart"), (UsageImport, "upload_file")]),
    (
        _("Prices"),
        [
            (Family, "category"),
            (Plan, "inventory_2"),
            (Coupon, "local_offer"),
            (PlanVersion, "history_edu"),
            (PriceMigration, "move_down"),
            (PriceList, "price_change"),
        ],
    ),
    (
        _("Bills"),
        [
            (Invoice, "receipt_long"),
            (CreditNote, "undo"),
            (Payment, "payments"),
            (Wallet, "account_balance_wallet"),
            (TopUp, "savings"),
            (ChargeNotice, "notifications_active"),
            (Charge, "request_quote"),
            (BillingPeriod, "date_range"),
            (Document, "picture_as_pdf"),
            (LedgerTransaction, "menu_book"),
            (Account, "account_balance"),
            (NumberSeries, "tag"),
        ],
    ),
    (
        _("Work queues"),
        [
            (BillingRun, "play_circle"),
            (Parked, "report", None, "waiting=yes", "invoices.admin.dashboard.parked_badge"),
            (Invoice, "schedule", _("Overdue bills"), "overdue=yes"),
            (Invoice, "draft", _("Drafts"), "status__exact=draft"),
            (
                Notice,
                "unsubscribe",
                _("Notices not delivered"),
                "status__exact=failed",
                "invoices.admin.dashboard.failed_badge",
            ),
            (Quote, "hourglass_bottom", _("Quotes that lapse soon"), "soon=yes"),
            (CustomerImport, "group_add"),
        ],
    ),
    (
        _("System"),
        [
            (User, "person"),
            ("auth.group", "shield_person", _("roles")),
            (ApiKey, "key"),
            (Notice, "outgoing_mail"),
            (AuditEntry, "policy"),
            (Seller, "storefront"),
            ("django_celery_beat.periodictask", "timer", _("schedule")),
        ],
    ),
]


# Pages that are no table, at the end of the group of prices: address and icon.
PAGES = [("rehearse", "theater_comedy", _("Rehearse")), ("compare_prices", "balance", _("Compare prices"))]


def queries() -> dict[str, list[str]]:
    """Return the filters that have an entry of their own beside the whole table's."""
    found: dict[str, list[str]] = {}
    for _title, entries in RIVER:
        for model, _icon, *rest in entries:
            if len(rest) > 1 and rest[0]:
                found.setdefault(list_address(model), []).append(rest[1])
    return found


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar with what this operator may see."""
    groups = [
        {"title": title, "collapsible": False, "items": [item(request, *entry) for entry in entries]}
        for title, entries in RIVER
    ]
    prices = next(group for group in groups if group["title"] == _("Prices"))
    prices["items"] += [page(request, *entry) for entry in PAGES]
    return groups


def page(request: HttpRequest, name: str, icon: str, title: Any) -> dict[str, Any]:
    """Return the entry of a page that is no table."""
    link = reverse(f"admin:{name}")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": request.path == link,
        "permission": lambda request: request.user.has_perm("billing.view_planversion"),
    }


def item(
    request: HttpRequest, model: Any, icon: str, title: Any = None, query: str = "", badge: str = ""
) -> dict[str, Any]:
    """Return one entry; it is active on its own page, told apart by its query."""
    app, name = model.split(".") if isinstance(model, str) else (model._meta.app_label, model._meta.model_name)
    link = address_of(app, name) if isinstance(model, str) else list_address(model)
    shown = {
        "title": capfirst(title or model._meta.verbose_name_plural),
        "icon": icon,
        "link": f"{link}?{query}" if query else link,
        "active": is_active(request, link, query),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }
    return shown | ({"badge": badge, "badge_variant": "danger"} if badge else {})


def is_active(request: HttpRequest, link: str, query: str) -> bool:
    """Whether the page is this entry's: a filtered entry is so only under its own filter."""
    if not request.path.startswith(link):
        return False
    asked = request.GET.urlencode()
    return query in asked if query else not any(other in asked for other in queries().get(link, ()))


def address_of(app: str, name: str) -> str:
    """Return the address of a library's table."""
    return reverse(f"admin:{app}_{name}_changelist")
