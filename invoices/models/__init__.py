from invoices.models.credits import CreditedCharge
from invoices.models.documents import CreditNote, CreditNoteLine, Document, Invoice, InvoiceLine, NumberSeries
from invoices.models.imports import CustomerImport
from invoices.models.notices import ChargeNotice
from invoices.models.payments import Allocation, Payment
from invoices.models.quotes import Quote
from invoices.models.runs import BillingRun, Parked

__all__ = [
    "Allocation",
    "BillingRun",
    "ChargeNotice",
    "CreditNote",
    "CreditNoteLine",
    "CreditedCharge",
    "CustomerImport",
    "Document",
    "Invoice",
    "InvoiceLine",
    "NumberSeries",
    "Parked",
    "Payment",
    "Quote",
]
