"""What a line stands on, as rows of facts: price and acceptance, packs, what it corrects, and what was taken for its bill."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Charge, LedgerTransaction, Price
from billing.money import Money
from invoices.deriving import Derivation
from invoices.models import Allocation, Invoice, InvoiceLine, Payment
from invoices.pages import titles, wording
from invoices.pages.visit import Visit
from tenants.bulk import among

# (name, words, address)
Fact = tuple[str, str, str]


def reason(code: str) -> str:
    """Return why a line is there when it is not the period's own."""
    words = {"change": _("change"), "late": _("late use"), "cap": _("cap"), "correction": _("correction")}
    return words.get(code, "")


def tax(row: InvoiceLine, one: Derivation) -> str:
    """Return the tax of a line in words."""
    said = {
        "rate": formatting.percent(row.tax_rate),
        "tax": wording.amount(Money(row.tax_minor, row.invoice.currency)),
    }
    if one.of.charge.tax_inclusive:
        return _("%(tax)s of it is tax (%(rate)s)") % said
    return _("%(tax)s tax is added (%(rate)s)") % said


def price(visit: Visit, one: Derivation) -> tuple[Fact, ...]:
    """Return the clause of the contract: which price, from where, which text, accepted by whom and when."""
    found = one.data["price"]
    if found is None:
        return ((_("Clause"), _("commitment per period, agreed in the contract"), visit.to("costs")),)
    agreed = found["accepted"]
    who = agreed["by"] or _("your company")
    when = datetime.fromisoformat(agreed["at"]).astimezone(visit.zone)
    rows = [
        (_("Price"), origin(found, visit.language), visit.to("costs")),
        (
            _("Accepted"),
            _("%(who)s, %(when)s") % {"who": who, "when": formatting.moment(when, visit.language)},
            visit.to("history"),
        ),
        (_("Fingerprint of the text (SHA-256)"), agreed["text_sha256"], ""),
    ]
    return tuple(rows)


def origin(found: dict, language: str) -> str:
    """Return where a price comes from, its plan by name."""
    plan = Price.objects.select_related("version__plan").get(pk=found["id"]).version.plan.name_in(language)
    said = {"plan": plan, "number": found["version"], "quote": found["quote"]}
    if found["origin"] == "negotiated":
        if found["quote"]:
            return _("agreed for you in quote %(quote)s") % said
        return _("agreed for you alone, in place of version %(number)s of “%(plan)s”") % said
    if found["origin"] == "list":
        said |= {"list": found["list"]["code"], "edition": found["list"]["number"]}
        return _("price list “%(list)s”, edition %(edition)s") % said
    return _("version %(number)s of “%(plan)s”") % said


def packs(visit: Visit, one: Derivation, unit: str) -> tuple[tuple[str, str], ...]:
    """Return each resource pack that covered some of the usage: how much, and until when it is good."""
    rows = []
    for part in one.data["how"].get("packs", []):
        last = datetime.fromisoformat(part["expires"]).astimezone(visit.zone).date()
        said = {
            "number": part["pack"],
            "holds": formatting.quantity(Decimal(part["holds"]), unit),
            "day": formatting.day(titles.last_day(last), visit.language),
        }
        name = _("Pack %(number)s of %(holds)s, good until %(day)s") % said
        rows.append((name, formatting.quantity(Decimal(part["quantity"]), unit)))
    return tuple(rows)


def corrects(visit: Visit, one: Derivation) -> tuple[tuple[str, str, Money], ...]:
    """Return the lines that a later measure, a credit or a commitment is about: name, address, amount."""
    how, charge = one.data["how"], one.of.charge
    ids = {charge.corrects_id} if charge.corrects_id else set()
    ids |= {part["charge"] for part in how.get("gives_back", [])} | set(how.get("again", {}).get("charges", []))
    ids |= {pk for pk, _code, _amount in how.get("charged", [])}
    lines = {
        line.charge_id: line
        for line in InvoiceLine.objects.filter(among("charge", ids), invoice__tenant=visit.tenant)
        .exclude(invoice__status="draft")
        .select_related("invoice")
    }
    rows = Charge.objects.filter(among("pk", ids), tenant=visit.tenant).order_by("pk")
    return tuple(corrected(visit, row, lines.get(row.pk)) for row in rows)


def corrected(visit: Visit, row: Charge, line: InvoiceLine | None) -> tuple[str, str, Money]:
    days = formatting.period_days(row.service_start_on, titles.last_day(row.service_end_on), visit.language)
    words = _("%(name)s, %(days)s") % {"name": row.name_in(visit.language), "days": days}
    where = visit.to("line", line.invoice_id, line.pk) if line else ""
    return words, where, Money(row.amount_minor, row.currency)


def taken(visit: Visit, bill: Invoice) -> tuple[Fact, ...]:
    """Return what was paid or deducted for the bill: the authorisation, the notice, the payment and where it is booked."""
    parts = Allocation.objects.filter(invoice=bill, tenant=visit.tenant).select_related(
        "payment__authorisation", "payment__notice"
    )
    found: list[Fact] = []
    for part in parts.order_by("at", "pk"):
        found += of_payment(visit, part.payment)
    return tuple(found) or ((_("Payment"), _("nothing was taken for this bill"), visit.to("payments")),)


def of_payment(visit: Visit, payment: Payment) -> list[Fact]:
    said = {
        "amount": wording.amount(Money(payment.amount_minor, payment.currency)),
        "way": Payment.Method(payment.method).label,
        "why": Payment.Basis(payment.basis).label,
        "when": formatting.moment(payment.received_at.astimezone(visit.zone), visit.language),
    }
    found = []
    if payment.authorisation:
        given = payment.authorisation
        who = {"who": given.given_by_name or _("your company"), "when": moment(visit, given.given_at)}
        found.append((_("Authorisation"), _("%(who)s, %(when)s") % who, visit.to("controls")))
    if payment.notice:
        notice = payment.notice
        told = {"total": wording.amount(Money(notice.total_minor, notice.currency))}
        told["when"] = moment(visit, notice.delivered_at) if notice.delivered_at else _("not delivered")
        words = _("at most %(total)s, delivered %(when)s") % told
        found.append((_("Notice"), words, visit.to("deduction", notice.pk)))
    found.append((_("Payment"), _("%(amount)s, %(way)s, %(why)s, %(when)s") % said, shown_at(visit, payment)))
    booked = LedgerTransaction.objects.filter(tenant=visit.tenant, source="payment", source_id=payment.pk)
    numbers = wording.joined([str(pk) for pk in booked.order_by("pk").values_list("pk", flat=True)])
    return [*found, (_("In the book"), _("transaction %(number)s") % {"number": numbers}, "")] if numbers else found


def shown_at(visit: Visit, payment: Payment) -> str:
    """Return where a payment is shown: one at a provider has a page of its own."""
    at_provider = payment.method in (Payment.Method.ALIPAY, Payment.Method.WECHAT)
    return visit.to("payment", payment.pk) if at_provider else visit.to("payments")


def moment(visit: Visit, when: datetime) -> str:
    return formatting.moment(when.astimezone(visit.zone), visit.language)
