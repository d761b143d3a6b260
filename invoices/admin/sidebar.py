"""The sidebar, by the river: customers, usage, prices, bills, what waits for a person, and the machine."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from billing.models import (
    Account,
    BillingPeriod,
    Budget,
    Change,
    Charge,
    Coupon,
    Family,
    LedgerSeal,
    LedgerTransaction,
    Pack,
    Plan,
    PlanVersion,
    PriceList,
    PriceMigration,
    Subscription,
    TopUp,
    Wallet,
    WalletLot,
)
from invoices.models import (
    BankCredit,
    BankFile,
    BillHold,
    BillingRun,
    ChargeNotice,
    CreditNote,
    CustomerImport,
    Dispute,
    DisputeAnswer,
    DisputeEvidence,
    DisputeTerms,
    Document,
    DunningAct,
    DunningSchedule,
    DuplicateFlag,
    EvidencePack,
    Invoice,
    KnownPayer,
    Mandate,
    MandateNotice,
    NumberSeries,
    OperatorAct,
    Parked,
    Payment,
    PeerFigure,
    PlanAdvice,
    ProviderAccount,
    ProviderMessage,
    PurchaseRequest,
    Quote,
    ReconciledDay,
    Refund,
    RemittanceCode,
    ServiceLoss,
    SigningKey,
    StatementFile,
    StatementRow,
    Survey,
    TransferClaim,
    WriteOff,
)
from tenants.admin.acts import list_address
from tenants.models import (
    ApiKey,
    AuditEntry,
    AuditSeal,
    Authorisation,
    Bounce,
    CustomerGroup,
    Member,
    Notice,
    NoticePreference,
    Opening,
    Seller,
    Tag,
    Tenant,
    User,
    WeComBot,
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
            (Mandate, "handshake"),
            (PurchaseRequest, "how_to_reg"),
            (Budget, "speed"),
            (OperatorAct, "back_hand"),
            (CustomerGroup, "groups"),
            (Tag, "sell"),
            (PlanAdvice, "lightbulb"),
            (PeerFigure, "groups_2"),
            (Survey, "sentiment_satisfied"),
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
            (BankCredit, "account_balance"),
            (BankFile, "upload_file"),
            (RemittanceCode, "pin"),
            (KnownPayer, "person_check"),
            (ReconciledDay, "event_available"),
            (StatementFile, "description"),
            (Refund, "currency_exchange"),
            (Dispute, "gavel"),
            (DisputeAnswer, "reply"),
            (DisputeEvidence, "attach_file"),
            (DisputeTerms, "timer"),
            (Wallet, "account_balance_wallet"),
            (TopUp, "savings"),
            (WalletLot, "stacks"),
            (ChargeNotice, "notifications_active"),
            (MandateNotice, "mark_chat_read"),
            (DunningSchedule, "event_repeat"),
            (DunningAct, "campaign"),
            (ServiceLoss, "do_not_disturb_on"),
            (Charge, "request_quote"),
            (BillingPeriod, "date_range"),
            (Document, "picture_as_pdf"),
            (LedgerTransaction, "menu_book"),
            (LedgerSeal, "verified"),
            (Account, "account_balance"),
            (NumberSeries, "tag"),
        ],
    ),
    (
        _("Work queues"),
        [
            (BillingRun, "play_circle"),
            (BillHold, "front_hand", None, "waiting=yes", "invoices.admin.held.badge"),
            (Parked, "report", None, "waiting=yes", "invoices.admin.dashboard.parked_badge"),
            (BankCredit, "compare_arrows", _("Transfers to match"), "waiting=yes", "invoices.admin.bank_queue.badge"),
            (TransferClaim, "record_voice_over", _("Claims to answer"), "state__exact=open"),
            (StatementRow, "rule", _("Differences of statements"), "open=yes", "invoices.admin.statements.badge"),
            (Refund, "approval", _("Refunds to approve"), "queue=approval", "invoices.admin.refunds.waiting_badge"),
            (Refund, "outbound", _("Refunds to transfer"), "queue=bank", "invoices.admin.refunds.bank_badge"),
            (Dispute, "gavel", _("Disputes to answer"), "queue=answer", "invoices.admin.disputes.badge"),
            (DuplicateFlag, "content_copy", None, "state__exact=open", "invoices.admin.duplicates.badge"),
            (Invoice, "schedule", _("Overdue bills"), "overdue=yes"),
            (Invoice, "draft", _("Drafts"), "status__exact=draft"),
            (
                DunningAct,
                "call",
                _("Calls to make"),
                "outcome__exact=open",
                "invoices.admin.dunning.calls_badge",
            ),
            (WriteOff, "money_off", None, "", "invoices.admin.dunning.write_offs_badge"),
            (OperatorAct, "front_hand", _("Acts to approve"), "state__exact=waiting", "invoices.admin.by_hand.badge"),
            (
                Notice,
                "unsubscribe",
                _("Notices not delivered"),
                "status__exact=failed",
                "invoices.admin.dashboard.failed_badge",
            ),
            (Bounce, "mark_email_unread", None, "seen_at__isempty=1", "tenants.admin.telling.unseen_badge"),
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
            (NoticePreference, "tune"),
            (WeComBot, "chat"),
            (Opening, "drafts"),
            (AuditEntry, "policy"),
            (EvidencePack, "inventory_2"),
            (AuditSeal, "verified"),
            (Seller, "storefront"),
            (ProviderAccount, "vpn_key"),
            (SigningKey, "signature"),
            (ProviderMessage, "forum"),
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
    customers = next(group for group in groups if group["title"] == _("Customers"))
    customers["items"].append(page(request, "value", "monitor_heart", _("Whom to keep"), needs="invoices.view_survey"))
    return groups


def page(
    request: HttpRequest, name: str, icon: str, title: Any, needs: str = "billing.view_planversion"
) -> dict[str, Any]:
    """Return the entry of a page that is no table."""
    link = reverse(f"admin:{name}")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": request.path == link,
        "permission": lambda request: request.user.has_perm(needs),
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
    count = import_string(badge)(request) if badge else ""
    # An entry with an empty badge would still show its red spot.
    return shown | ({"badge": count, "badge_variant": "danger"} if count else {})


def is_active(request: HttpRequest, link: str, query: str) -> bool:
    """Whether the page is this entry's: a filtered entry is so only under its own filter."""
    if not request.path.startswith(link):
        return False
    asked = request.GET.urlencode()
    return query in asked if query else not any(other in asked for other in queries().get(link, ()))


def address_of(app: str, name: str) -> str:
    """Return the address of a library's table."""
    return reverse(f"admin:{app}_{name}_changelist")
