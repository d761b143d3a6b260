"""One good row in every table of tenants, billing and invoices; and a row copied with some columns otherwise.

The rows are written without the verbs, so that a test of the database asks the database alone.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction

from billing import models as billing
from invoices import models as invoices
from tenants import models as tenants
from tests.at_the_bank import at_the_bank
from tests.rows_agreed import deducted
from tests.rows_capped import bounded
from tests.rows_disputed import disputed
from tests.rows_held import held, judged
from tests.rows_of_acts import seconded
from tests.rows_of_evidence import proven
from tests.rows_under_way import under_way
from tests.rows_undone import undone
from usage.models import Meter

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = date(2026, 3, 1)
TOMORROW = date(2026, 3, 2)
NEXT = datetime(2026, 4, 1, tzinfo=UTC)

# A constraint's name, its table, and the columns (as SQL) with which a copy of the table's first row breaks it.
Break = tuple[str, str, Mapping[str, str]]


def columns(table: str) -> list[str]:
    """Columns that an INSERT names: neither the id nor a computed one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
            " AND column_name <> 'id' AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_row(table: str, changes: Mapping[str, str]) -> None:
    """Insert the table's first row once more, with these columns otherwise."""
    names = columns(table)
    assert set(changes) <= set(names), f"{table} has no {set(changes) - set(names)}"
    values = ", ".join(changes.get(name, f'"{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} ORDER BY id LIMIT 1")
        assert cursor.rowcount == 1, f"{table} has no row to copy"


def broken(table: str, changes: Mapping[str, str]) -> str:
    """Return the name of the constraint that refuses such a copy."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        copy_row(table, changes)
    return refusal.value.__cause__.diag.constraint_name


def below_zero(table: str, *fields: str) -> Iterable[Break]:
    """Django's own rules for counts."""
    return [(f"{table}_{field}_check", table, {f"{field}": "-1"}) for field in fields]


def furnish() -> tenants.Tenant:
    """Write one row in each table; return the customer they are about."""
    tenant = people()
    told(tenant)
    version = catalogue(tenant)
    charge = bought(tenant, version)
    packed(charge)
    discounted(charge)
    billed(tenant, charge)
    return tenant


def people() -> tenants.Tenant:
    seller = tenants.Seller.objects.create(
        code="qiyun",
        legal_name="启云公司",
        brand="启云",
        mark="启",
        tax_number="91350100M000100Y43",
        number_prefix="QY",
        created_at=NOW,
    )
    group = tenants.CustomerGroup.objects.create(code="gold", name="Gold")
    tenant = tenants.Tenant.objects.create(code="acme", name="Acme", group=group, opened_at=NOW)
    tenant.tags.add(tenants.Tag.objects.create(name="vip"))
    alice = tenants.User.objects.create(email="alice@acme.example", password="-")
    alice.groups.add(Group.objects.create(name="finance"))
    alice.user_permissions.add(Permission.objects.order_by("id").first())
    tenants.Member.objects.create(tenant=tenant, user=alice, role="owner", joined_at=NOW)
    tenants.Contact.objects.create(tenant=tenant, name="林", email="lin@acme.example")
    tenants.ApiKey.objects.create(
        tenant=tenant, seller=seller, name="k", prefix="mz_1", secret_sha256="-", created_at=NOW
    )
    return tenant


def told(tenant: tenants.Tenant) -> None:
    seller, alice = tenants.Seller.objects.get(), tenants.User.objects.get()
    tenants.Authorisation.objects.create(
        tenant=tenant,
        seller=seller,
        currency="CNY",
        text="yes",
        text_version="1",
        text_sha256="-",
        given_by=alice,
        given_by_name="Alice",
        given_at=NOW,
    )
    seal = tenants.AuditSeal.objects.create(number=1, count=1, rows=b"-", sha256="-", at=NOW)
    tenants.AuditEntry.objects.create(tenant=tenant, verb="v", at=NOW, seal=seal)
    notice = tenants.Notice.objects.create(
        tenant=tenant, key="k", kind="k", language="en", payload={}, created_at=NOW, next_try_at=NOW
    )
    came_back(tenants.Delivery.objects.create(tenant=tenant, notice=notice, number=1, at=NOW, ok=True), alice)
    tenants.IdempotencyKey.objects.create(
        owner="o", key="k", method="POST", path="/", body_sha256="-", status=200, answer={}, created_at=NOW
    )


def came_back(delivery: tenants.Delivery, alice: tenants.User) -> None:
    """How the customer is told, who opened it, and that its mail came back."""
    whose = {"tenant": delivery.tenant}
    tenants.NoticePreference.objects.create(**whose, kind="balance_low", mail=False, wecom=False, changed_at=NOW)
    tenants.WeComBot.objects.create(**whose, secret="-", fingerprint="0" * 64, set_at=NOW)
    tenants.Opening.objects.create(**whose, notice=delivery.notice, by=alice, by_name="Alice", at=NOW)
    tenants.Bounce.objects.create(**whose, delivery=delivery, address="a@acme.example", status="5.1.1", at=NOW)


def catalogue(tenant: tenants.Tenant) -> billing.PlanVersion:
    seller = tenants.Seller.objects.get()
    names = {"seller": seller, "code": "crm", "name": "CRM"}
    Meter.objects.create(**names, aggregation="sum", created_at=NOW)
    family = billing.Family.objects.create(**names)
    plan = billing.Plan.objects.create(**names, family=family)
    draft = billing.PlanVersion.objects.create(plan=plan, number=1)
    billing.Price.objects.create(
        version=draft, code="base", name="Base", kind="base", model="flat", params={"amount": "1"}, timing="advance"
    )
    sold = billing.PlanVersion.objects.create(plan=plan, number=2, status="published", sha256="-", published_at=NOW)
    prices = billing.PriceList.objects.create(**names, group=tenant.group)
    billing.PriceListEntry.objects.create(price_list=prices, plan=plan, price_code="base", model="flat")
    billing.PriceList.objects.create(**names, group=tenant.group, number=2, status="published", published_at=NOW)
    return sold


def bought(tenant: tenants.Tenant, version: billing.PlanVersion) -> billing.Charge:
    plan, seller, price = version.plan, version.plan.seller, billing.Price.objects.get()
    # The one price stands in a draft, into which rows can be copied: that is what was accepted here.
    acceptance = billing.Acceptance.objects.create(tenant=tenant, version=price.version, text_sha256="-", at=NOW)
    whose = {"tenant": tenant, "payer": tenant, "seller": seller, "currency": "CNY", "acceptance": acceptance}
    during = (NOW, NEXT)
    subscription = billing.Subscription.objects.create(
        **whose,
        family=plan.family,
        plan=plan,
        version=version,
        zone="UTC",
        start_on=TODAY,
        anchor_on=TODAY,
        first_on=TODAY,
        terms_since=NOW,
        term_start_on=TODAY,
        term_end_on=TOMORROW,
        during=during,
        created_at=NOW,
    )
    owned = {"tenant": tenant, "subscription": subscription}
    billing.SubscriptionItem.objects.create(**owned, price=price, during=during)
    billing.NegotiatedPrice.objects.create(**owned, price=price, model="flat")
    period = billing.BillingPeriod.objects.create(
        **owned, interval="month", start=NOW, end=NEXT, whole_start=NOW, whole_end=NEXT, zone="UTC"
    )
    booked(tenant, seller)
    line = {
        **whose,
        "subscription": subscription,
        "period": period,
        "price": price,
        "code": "base",
        "kind": "base",
        "name": "Base",
        "service_start_on": TODAY,
        "service_end_on": TOMORROW,
        "quantity": Decimal(1),
        "due_on": TODAY,
        "created_at": NOW,
    }
    charge = billing.Charge.objects.create(**line, exact=Decimal(1), amount_minor=100, undiscounted_minor=100)
    changed(subscription, line, charge)
    bounded(subscription, NOW)
    return charge


def changed(subscription: billing.Subscription, line: dict[str, Any], charge: billing.Charge) -> None:
    owned = {"tenant": subscription.tenant, "subscription": subscription}
    terms = {"version": subscription.version, "acceptance": subscription.acceptance}
    announced = {"version": subscription.version, "from_on": TODAY, "reason": "-", "announced_at": NOW}
    migration = billing.PriceMigration.objects.create(**announced)
    change = billing.Change.objects.create(
        **owned, **terms, migration=migration, kind="plan", status="applied", effective_at=NOW, at=NOW, settled_at=NOW
    )
    billing.Change.objects.create(**owned, kind="cancel", status="scheduled", effective_at=NEXT, at=NOW)
    billing.FormerTerms.objects.create(**owned, **terms, change=change, anchor_on=TODAY, since=NOW, until=NEXT)
    credit = billing.Charge.objects.create(
        **line, exact=Decimal(-1), amount_minor=-10, undiscounted_minor=-10, reason="change", cause=change.cause
    )
    billing.ChargeCredit.objects.create(
        tenant=subscription.tenant, credit=credit, charge=charge, amount_minor=10, undiscounted_minor=10
    )
    undone(credit, change, NOW)


def booked(tenant: tenants.Tenant, seller: tenants.Seller) -> None:
    book = {"seller": seller, "currency": "CNY", "tenant": tenant}
    seal = billing.LedgerSeal.objects.create(seller=seller, number=1, count=1, rows=b"-", sha256="-", at=NOW)
    told = {"source": "invoice", "source_id": 1, "kind": "issue", "at": NOW, "seal": seal}
    entry = billing.LedgerTransaction.objects.create(**book, **told)
    sides = [
        (billing.Account.objects.create(**book, kind=kind), sign) for kind, sign in (("receivable", 1), ("revenue", -1))
    ]
    billing.Posting.objects.bulk_create(
        billing.Posting(transaction=entry, account=account, tenant=tenant, amount_minor=sign * 100)
        for account, sign in sides
    )
    wallet = billing.Wallet.objects.create(tenant=tenant, seller=seller, currency="CNY")
    moved = {"tenant": tenant, "source": "top_up", "source_id": 1, "cause": "topped_up", "at": NOW}
    lot = billing.WalletLot.objects.create(**moved, wallet=wallet, kind="gift", amount_minor=1, left_minor=0)
    billing.LotUse.objects.create(**moved, lot=lot, amount_minor=-1)
    billing.TopUp.objects.create(
        tenant=tenant, seller=seller, currency="CNY", amount_minor=1, reason="r", key="k", at=NOW
    )


def packed(charge: billing.Charge) -> None:
    pack = billing.Pack.objects.create(
        tenant=charge.tenant,
        seller=charge.seller,
        meter=Meter.objects.get(),
        source="purchase",
        charge=charge,
        quantity=Decimal(10),
        valid_from=NOW,
        expires=NEXT,
        reason="r",
        created_at=NOW,
    )
    billing.PackUse.objects.create(
        tenant=charge.tenant, pack=pack, period=charge.period, price=charge.price, quantity=Decimal(6), at=NOW
    )


def discounted(charge: billing.Charge) -> None:
    coupon = billing.Coupon.objects.create(
        seller=charge.seller, code="SPRING", name="Spring", amount_minor=1, currency="CNY", created_at=NOW
    )
    redemption = billing.Redemption.objects.create(
        tenant=charge.tenant,
        subscription=charge.subscription,
        coupon=coupon,
        position=1,
        counted_from=TODAY,
        redeemed_at=NOW,
    )
    billing.AppliedDiscount.objects.create(
        tenant=charge.tenant, charge=charge, redemption=redemption, position=1, amount_minor=1, final_at=NOW
    )


def billed(tenant: tenants.Tenant, charge: billing.Charge) -> None:
    seller = charge.seller
    series = invoices.NumberSeries.objects.create(seller=seller, kind="invoice", year=2026, prefix="QY")
    known = {"tenant": tenant, "seller": seller, "currency": "CNY", "zone": "UTC", "language": "en"}
    invoice = invoices.Invoice.objects.create(**known, charge_on=TODAY, created_at=NOW)
    line = invoices.InvoiceLine.objects.create(
        tenant=tenant,
        invoice=invoice,
        charge=charge,
        position=1,
        code="base",
        kind="base",
        reason="period",
        name="Base",
        service_start_on=TODAY,
        service_end_on=TOMORROW,
        quantity=Decimal(1),
        amount_minor=100,
        gross_minor=100,
    )
    copies = {"seller_copy": {}, "buyer_copy": {}, "issued_at": NOW}
    numbered = {"series": series, "sequence": 1, "number": "QY-1"} | copies
    for name, value in (
        numbered | {"status": "open", "due_on": TODAY, "subtotal_minor": 100, "total_minor": 100}
    ).items():
        setattr(invoice, name, value)
    invoice.save()
    note = invoices.CreditNote.objects.create(
        **known, **numbered, invoice=invoice, reason="r", tax_minor=0, total_minor=1
    )
    invoices.CreditNoteLine.objects.create(tenant=tenant, credit_note=note, line=line, gross_minor=1, tax_minor=0)
    invoices.CreditedCharge.objects.create(
        tenant=tenant,
        credit_note=note,
        charge=billing.Charge.objects.get(amount_minor=-10),
        position=1,
        amount_minor=-10,
        gross_minor=-10,
    )
    received(tenant, invoice)


def received(tenant: tenants.Tenant, invoice: invoices.Invoice) -> None:
    payment = invoices.Payment.objects.create(
        tenant=tenant,
        seller=invoice.seller,
        currency="CNY",
        amount_minor=100,
        method="transfer",
        provider="bank",
        reference="r",
        status="succeeded",
        received_at=NOW,
        recorded_at=NOW,
    )
    notice = invoices.ChargeNotice.objects.create(
        tenant=tenant,
        seller=invoice.seller,
        currency="CNY",
        pays="wallet",
        due_on=TODAY,
        due_at=NOW,
        version=1,
        of="renewal",
        via="notice",
        announced_at=NOW,
        renewal_minor=1,
        ceiling_minor=0,
        total_minor=1,
    )
    invoices.Allocation.objects.create(tenant=tenant, payment=payment, invoice=invoice, amount_minor=1, at=NOW)
    deducted(invoice, NOW)
    under_way(payment, invoice, notice, NOW)
    proven(tenant, NOW)
    at_the_bank(payment, NOW)
    invoices.Document.objects.create(
        tenant=tenant, kind="invoice", source_id=1, language="en", name="d.pdf", sha256="-", bytes=1, made_at=NOW
    )
    offered(tenant, invoice)
    dunned(tenant, invoice)
    run = invoices.BillingRun.objects.create(at=NOW, started_at=NOW, progress_at=NOW)
    invoices.Parked.objects.create(tenant=tenant, run=run, stage="close", code="c", reason="r", at=NOW)
    invoices.CustomerImport.objects.create(file_name="f", sha256="-", mapping="-", status="checked", at=NOW)


def offered(tenant: tenants.Tenant, invoice: invoices.Invoice) -> None:
    """A quote that was accepted, and one that is still being written."""
    known = {"tenant": tenant, "seller": invoice.seller, "currency": "CNY", "zone": "UTC", "language": "en"}
    known |= {"version": billing.PlanVersion.objects.get(number=2), "start_on": TODAY, "valid_until": TOMORROW}
    quote = invoices.Quote.objects.create(**known, created_at=NOW)
    sent = {
        "estimate": {},
        "seller_copy": {},
        "buyer_copy": {},
        "sha256": "-",
        "sent_at": NOW,
        "series": invoice.series,
    }
    answer = {"answered_at": NOW, "shown_sha256": "-", "subscription": billing.Subscription.objects.first()}
    for step in (sent | {"status": "sent", "sequence": 1, "number": "QYQ-1"}, answer | {"status": "accepted"}):
        for name, value in step.items():
            setattr(quote, name, value)
        quote.save()
    invoices.Quote.objects.create(**known, created_at=NOW, supersedes=quote)


def dunned(tenant: tenants.Tenant, invoice: invoices.Invoice) -> None:
    """A schedule with a step, a call that waits, a service that is suspended, and a debt that may be given up."""
    schedule = invoices.DunningSchedule.objects.create(seller=invoice.seller)
    invoices.DunningStep.objects.create(schedule=schedule, day=1, verb="call")
    owed = {"tenant": tenant, "invoice": invoice}
    invoices.DunningAct.objects.create(**owed, day=1, verb="call", at=NOW, outcome="open")
    invoices.ServiceLoss.objects.create(**owed, payer=tenant, before="active", after="suspended", at=NOW)
    alice = tenants.User.objects.get()
    invoices.WriteOff.objects.create(**owed, amount_minor=1, reason="r", requested_at=NOW, requested_by=alice)
    held(invoice, NOW)
    seconded(tenant, NOW)
    judged(invoice, NOW)
    disputed(invoice, NOW)
