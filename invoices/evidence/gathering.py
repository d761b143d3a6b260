"""What belongs to a pack: the documents, charges, payments and notices of one company in a stretch of local days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.db.models import Q, QuerySet

from billing.models import Subscription
from invoices import allowing
from invoices.models import Allocation, ChargeNotice, CreditedCharge, CreditNote, Invoice, InvoiceLine, Payment
from tenants.models import Authorisation, Seller, Tenant
from usage.periods import local_midnight


@dataclass(frozen=True)
class Scope:
    """A company and a half-open stretch of its local days; `at` is the instant at which it is looked at."""

    tenant: Tenant
    start: date
    end: date
    at: datetime

    @cached_property
    def since(self) -> datetime:
        """The first instant."""
        return local_midnight(self.start, self.tenant.timezone)

    @cached_property
    def until(self) -> datetime:
        """The first instant after it."""
        return local_midnight(self.end, self.tenant.timezone)

    @cached_property
    def invoices(self) -> list[Invoice]:
        """The bills that were issued in it, oldest first."""
        found = Invoice.objects.issued().filter(tenant=self.tenant, issued_at__gte=self.since, issued_at__lt=self.until)
        return list(found.select_related("seller").prefetch_related("lines").order_by("issued_at", "id"))

    @cached_property
    def notes(self) -> list[CreditNote]:
        """The credit notes that were issued in it, oldest first."""
        found = CreditNote.objects.filter(tenant=self.tenant, issued_at__gte=self.since, issued_at__lt=self.until)
        return list(
            found.select_related("invoice", "seller", "first")
            .prefetch_related("lines__line")
            .order_by("issued_at", "id")
        )

    @cached_property
    def charges(self) -> list[int]:
        """What stands on these bills and inside these notes, and what of this company its payer was billed for."""
        ours = Q(invoice__in=self.invoices) | Q(
            charge__tenant=self.tenant,
            invoice__issued_at__gte=self.since,
            invoice__issued_at__lt=self.until,
        )
        billed = InvoiceLine.objects.filter(ours).values_list("charge", flat=True)
        credited = CreditedCharge.objects.filter(credit_note__in=self.notes).values_list("charge", flat=True)
        return sorted({*billed, *credited})

    @cached_property
    def payments(self) -> list[Payment]:
        """What was paid, tried or deducted in it, and what settled these bills."""
        settled = Allocation.objects.filter(invoice__in=self.invoices).values("payment")
        mine = Payment.objects.filter(tenant=self.tenant)
        inside = mine.filter(received_at__gte=self.since, received_at__lt=self.until) | mine.filter(pk__in=settled)
        return list(
            inside.select_related("seller", "invoice")
            .prefetch_related("allocations__invoice")
            .order_by("received_at", "id")
        )

    @cached_property
    def basis(self) -> dict[int, list[ChargeNotice]]:
        """The notices under which each automatic payment was taken, by its id."""
        return {p.pk: self._notices(p) for p in self.payments if p.basis == Payment.Basis.AUTOMATIC}

    def _notices(self, payment: Payment) -> list[ChargeNotice]:
        bills = [part.invoice for part in payment.allocations.all()] or ([payment.invoice] if payment.invoice else [])
        found = {one.pk: one for bill in bills for one in allowing.notices_of(bill)}
        if payment.notice is not None:
            found.setdefault(payment.notice.pk, payment.notice)
        return [found[pk] for pk in sorted(found)]

    @cached_property
    def notices(self) -> list[ChargeNotice]:
        """The deductions that were announced in it, and those under which something was deducted."""
        used = {one.pk for found in self.basis.values() for one in found}
        mine = ChargeNotice.objects.filter(tenant=self.tenant)
        found = mine.filter(announced_at__gte=self.since, announced_at__lt=self.until) | mine.filter(pk__in=used)
        return list(found.order_by("announced_at", "id"))

    @cached_property
    def authorisations(self) -> QuerySet[Authorisation]:
        """The authorisations that were in force at some time in it, and those under which something was deducted."""
        used = {p.authorisation_id for p in self.payments if p.authorisation_id}
        live = Q(given_at__lt=self.until) & (Q(withdrawn_at=None) | Q(withdrawn_at__gte=self.since))
        return Authorisation.objects.filter(Q(pk__in=used) | live, tenant=self.tenant).order_by("given_at", "id")

    @cached_property
    def sellers(self) -> list[Seller]:
        """Whose bills these are; without any, who sells to this company."""
        ids = {bill.seller_id for bill in self.invoices} | {note.seller_id for note in self.notes}
        ids |= {payment.seller_id for payment in self.payments}
        if not ids:
            ids = set(Subscription.objects.filter(tenant=self.tenant).values_list("seller", flat=True))
        found = list(Seller.objects.filter(pk__in=ids).order_by("pk"))
        return found or list(Seller.objects.order_by("pk")[:1])
