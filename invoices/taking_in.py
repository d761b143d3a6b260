"""Take a bank's statement in: what came in is booked as suspense, row by row once; with one bad row nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from billing import ledger
from billing.models import Account
from invoices import bank_sheets, reconciling, statements
from invoices.bank_sheets import BankLine, Mistake, Statement
from invoices.models import BankCredit, BankFile, Payment
from tenants import audit
from tenants.errors import Invalid
from tenants.models import Seller, User

Kind = Account.Kind
State = BankCredit.State
MOST_ERRORS = 1000
# A payer's account number that somebody wrote into the remark is not kept either.
NUMBER = re.compile(r"\d(?: ?\d){11,}")


def read(
    content: bytes, *, name: str, seller: Seller, at: datetime, by: User | None, account: str = "", mapping: str = ""
) -> BankFile:
    """Take a statement of the seller's `account` (default: his only one) in and return the record of it.

    The same file again returns the first record. Rows that are known change nothing; rows with mistakes refuse the whole
    file, and are listed. Raises Unreadable for a file that is no table, Invalid for a bad mapping.
    """
    account = re.sub(r"\s", "", account or seller.bank_account)
    if not account:
        raise Invalid(_("The seller has no bank account yet; write it into his record."), field="account")
    digest = sha256(content).hexdigest()
    same = {"seller": seller, "account": account, "sha256": digest, "status": BankFile.Status.IMPORTED}
    if (before := BankFile.objects.filter(**same).first()) is not None:
        return before
    found = bank_sheets.read(content, name, currency=seller.currency, zone=seller.timezone, mapping=mapping)
    record = BankFile(
        seller=seller, account=account, currency=seller.currency, file_name=name[:200], sha256=digest, at=at, by=by
    )
    return take_in(record, found)


@transaction.atomic
def take_in(record: BankFile, found: Statement) -> BankFile:
    """Write what a statement says under its record, or the record of its refusal."""
    Seller.objects.select_for_update(no_key=True).get(pk=record.seller_id)
    lines = [line for line in found.lines if line.came_in]
    known = _known(record, lines)
    by_hand = _by_hand(record, lines)
    mistakes = [*found.mistakes, *_contradictions(record, lines, known, by_hand)]
    record.rows = len(found.lines) + len(found.mistakes)
    if mistakes:
        record.status = BankFile.Status.REFUSED
        record.errors = [one.as_dict() for one in sorted(mistakes, key=lambda one: one.line)[:MOST_ERRORS]]
        record.save()
        return record
    fresh = [line for line in lines if line.reference not in known]
    record.status = BankFile.Status.IMPORTED
    record.known, record.credits_new = len(lines) - len(fresh), len(fresh)
    record.debits = len(found.lines) - len(lines)
    record.save()
    _book(record, fresh, by_hand)
    for file in statements.keep_bank(record.seller, found.lines, currency=record.currency, at=record.at):
        reconciling.compare(file.seller, file.provider, file.day, file.currency, at=record.at)
    told = {"file": record.file_name, "sha256": record.sha256, "new": record.credits_new}
    audit.record("bank_file.imported", tenant=None, target=f"bank_file:{record.pk}", at=record.at, by=record.by, **told)
    return record


def mask(account: str) -> str:
    """Return what may be kept of an account number: its last four digits."""
    return f"*{account[-4:]}" if len(account) >= 8 else "*" if account else ""


def hashed(account: str) -> str:
    """Return a keyed hash of an account number, by which two transfers of one account are told to be so."""
    return salted_hmac("invoices.bank.payer_account", account, algorithm="sha256").hexdigest() if account else ""


def without_numbers(text: str) -> str:
    """Return a remark without the account numbers in it."""
    return NUMBER.sub(lambda number: mask(number[0]), text)


def _known(record: BankFile, lines: Iterable[BankLine]) -> dict[str, BankCredit]:
    mine = BankCredit.objects.filter(seller=record.seller, account=record.account)
    return {one.reference: one for one in mine.filter(reference__in=[line.reference for line in lines])}


def _by_hand(record: BankFile, lines: Iterable[BankLine]) -> dict[str, Payment]:
    """Return the transfers that an operator has recorded already, by reference."""
    found = Payment.objects.filter(
        seller=record.seller, provider="bank", reference__in=[line.reference for line in lines], bank_credit=None
    )
    return {payment.reference: payment for payment in found}


def _contradictions(
    record: BankFile, lines: Iterable[BankLine], known: Mapping[str, BankCredit], by_hand: Mapping[str, Payment]
) -> list[Mistake]:
    """Return the rows that cannot be: of the future, or under a reference that came before with another amount."""
    found = []
    for line in lines:
        before = known.get(line.reference) or by_hand.get(line.reference)
        if line.at > record.at + timedelta(days=1):
            found.append(Mistake(line.line, "", _("This day has not come yet.")))
        elif before is not None and (before.amount_minor, before.currency) != (line.amount.minor, record.currency):
            found.append(Mistake(line.line, "", _("This reference was recorded before, with another amount.")))
    return found


def _book(record: BankFile, lines: Sequence[BankLine], by_hand: Mapping[str, Payment]) -> None:
    credits = BankCredit.objects.bulk_create(_credit(record, line, by_hand.get(line.reference)) for line in lines)
    ledger.post(entry(credit, "received", ((Kind.CASH, 1), (Kind.SUSPENSE, -1)), record.at) for credit in credits)
    # Recorded by hand, it stands in cash already: once is enough.
    twice = [credit for credit in credits if credit.payment_id]
    ledger.post(entry(credit, "recorded", ((Kind.SUSPENSE, 1), (Kind.CASH, -1)), record.at) for credit in twice)


def _credit(record: BankFile, line: BankLine, payment: Payment | None) -> BankCredit:
    settled = (
        {"state": State.MATCHED, "payment": payment, "tenant_id": payment.tenant_id, "settled_at": record.at}
        if payment
        else {}
    )
    return BankCredit(
        seller=record.seller,
        account=record.account,
        file=record,
        line=line.line,
        currency=record.currency,
        amount_minor=line.amount.minor,
        reference=line.reference,
        payer_name=without_numbers(line.payer_name),
        payer_account=mask(line.account),
        payer_account_hash=hashed(line.account),
        virtual_account=line.virtual_account[:40],
        remark=without_numbers(line.remark)[:300],
        received_at=min(line.at, record.at),
        recorded_at=record.at,
        **settled,
    )


def entry(credit: BankCredit, kind: str, signs: Sequence[tuple[str, int]], at: datetime) -> ledger.Entry:
    """Return the booking of a whole credit between two pages: + debits, − credits."""
    return ledger.Entry(
        seller_id=credit.seller_id,
        currency=credit.currency,
        tenant_id=None,
        source="bank_credit",
        source_id=credit.pk,
        kind=kind,
        at=at,
        sides=[(page, sign * credit.amount_minor) for page, sign in signs],
    )
