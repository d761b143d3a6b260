from invoices.models.advice import PeerFigure, PlanAdvice, Survey
from invoices.models.approvals import OperatorAct, PurchaseRequest
from invoices.models.bank import BankCredit, BankFile, KnownPayer, RemittanceCode, TransferClaim
from invoices.models.credits import CreditedCharge
from invoices.models.disputes import Dispute, DisputeAnswer, DisputeEvidence, DisputeTerms
from invoices.models.documents import CreditNote, CreditNoteLine, Document, Invoice, InvoiceLine, NumberSeries
from invoices.models.dunning import DunningAct, DunningSchedule, DunningStep, ServiceLoss
from invoices.models.duplicates import DuplicateFlag
from invoices.models.evidence import EvidencePack, SigningKey
from invoices.models.holds import BillHold
from invoices.models.imports import CustomerImport
from invoices.models.mandates import Mandate, MandateNotice
from invoices.models.notices import ChargeNotice
from invoices.models.payments import Allocation, NoticeUse, Payment, PaymentPart
from invoices.models.providers import ProviderAccount, ProviderMessage
from invoices.models.quotes import Quote
from invoices.models.refunds import Refund
from invoices.models.runs import BillingRun, Parked
from invoices.models.statements import ReconciledDay, StatementFile, StatementRow
from invoices.models.taken_back import WithdrawnCharge
from invoices.models.write_offs import WriteOff

__all__ = [
    "Allocation",
    "BankCredit",
    "BankFile",
    "BillHold",
    "BillingRun",
    "ChargeNotice",
    "CreditNote",
    "CreditNoteLine",
    "CreditedCharge",
    "CustomerImport",
    "Dispute",
    "DisputeAnswer",
    "DisputeEvidence",
    "DisputeTerms",
    "Document",
    "DunningAct",
    "DunningSchedule",
    "DunningStep",
    "DuplicateFlag",
    "EvidencePack",
    "Invoice",
    "InvoiceLine",
    "KnownPayer",
    "Mandate",
    "MandateNotice",
    "NoticeUse",
    "NumberSeries",
    "OperatorAct",
    "Parked",
    "Payment",
    "PaymentPart",
    "ProviderAccount",
    "ProviderMessage",
    "PurchaseRequest",
    "Quote",
    "ReconciledDay",
    "PeerFigure",
    "PlanAdvice",
    "Refund",
    "RemittanceCode",
    "ServiceLoss",
    "SigningKey",
    "StatementFile",
    "StatementRow",
    "Survey",
    "TransferClaim",
    "WithdrawnCharge",
    "WriteOff",
]
