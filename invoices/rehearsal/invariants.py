"""What must be true of every story at every instant: documents, credits and deductions. Each function says one sentence.

Each yields what breaks it, in words; nothing when it holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from django.db import connection

from billing import checking as book
from billing.models import Charge, Wallet
from invoices import checking
from invoices.rehearsal.seen import Seen
from tenants.bulk import among

Invariant = Callable[[Seen], Iterator[str]]
# Tables of which a story's own rows are asked for; what hangs on them has no customer of its own.
OWN = (
    *("invoices_invoice", "invoices_creditnote", "invoices_payment"),
    *("billing_charge", "billing_ledgertransaction", "billing_topup", "billing_wallet"),
)


def documents_and_book_agree(seen: Seen) -> Iterator[str]:
    """Every invoice, credit note, payment and top-up is in the book as it stands, and every sum is that of its parts."""
    with connection.cursor() as cursor:
        cursor.execute(_agreement(seen.world.ids))
        for what, which, said, counterpart in cursor.fetchall():
            yield f"{what} {which}: says {said}, its counterpart {counterpart}"


def _agreement(ids: list[int]) -> str:
    """Return all questions of `check_books` as one, of the rows of these customers alone."""
    chosen = ", ".join(str(int(pk)) for pk in ids)
    own = [f"{table} AS (SELECT * FROM {table} WHERE tenant_id IN ({chosen}))" for table in OWN]
    # An account that is no customer's is the seller's, and its postings are of all customers.
    asked = [
        f"(SELECT '{what}', q.which::text, q.said::text, q.book::text FROM ({sql}) AS q (which, said, book))"
        for what, sql in checking.AGREEMENT.items()
        if "FULL JOIN" not in sql and "billing_coupon" not in sql
    ]
    asked.append(f"(SELECT 'balance', q.a::text, q.e::text, '0' FROM ({book.BALANCE}) AS q (a, b, c, d, e))")
    asked.append(f"(SELECT 'postings', q.a::text, '0', 'some' FROM ({book.EMPTY}) AS q (a, b, c))")
    asked.append(f"(SELECT 'account', q.a::text, q.b::text, 'its own' FROM ({book.FOREIGN}) AS q (a, b))")
    return f"WITH {', '.join(own)} {' UNION ALL '.join(asked)}"


def invoices_add_up(seen: Seen) -> Iterator[str]:
    """An invoice's totals are the sums of its lines, none is below zero, and paid and credited are at most the total."""
    for invoice in seen.invoices:
        lines = seen.lines.get(invoice.pk, ())
        sums = (
            sum(line.amount_minor for line in lines),
            sum(line.discount_minor for line in lines),
            sum(line.tax_minor for line in lines),
            sum(line.gross_minor for line in lines),
        )
        said = (invoice.subtotal_minor, invoice.discount_minor, invoice.tax_minor, invoice.total_minor)
        if sums != said:
            yield f"invoice {invoice.number or invoice.pk} says {said}, its lines {sums}"
        if invoice.total_minor < 0 or invoice.due_minor < 0 or invoice.paid_minor < 0:
            yield f"invoice {invoice.number or invoice.pk} is below zero: {invoice.total_minor}, due {invoice.due_minor}"
        if invoice.paid_minor + invoice.credited_minor > invoice.total_minor:
            yield f"invoice {invoice.number}: {invoice.paid_minor} paid and {invoice.credited_minor} credited of {invoice.total_minor}"


def charges_are_asked_for_once(seen: Seen) -> Iterator[str]:
    """Every charge that was taken is on exactly one line or in one credit note, and no other is on any."""
    places = Counter(line.charge_id for lines in seen.lines.values() for line in lines)
    places.update(seen.credited)
    for charge in seen.charges:
        if places[charge.pk] != (charge.taken_at is not None):
            yield f"charge {charge.pk} {charge} taken at {charge.taken_at} is in {places[charge.pk]} documents"


def credits_are_of_what_was_charged(seen: Seen) -> Iterator[str]:
    """What is given back of a charge is at most what it came to, after discount and before it; a credit is its parts."""
    back: dict[int, int] = defaultdict(int)
    before: dict[int, int] = defaultdict(int)
    parts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in seen.credits:
        # A credit that was taken back gives nothing back any more.
        back[one.charge_id] += 0 if one.undone_at else one.amount_minor
        before[one.charge_id] += 0 if one.undone_at else one.undiscounted_minor
        parts[one.credit_id][0] -= one.amount_minor
        parts[one.credit_id][1] -= one.undiscounted_minor
    for charge in seen.charges:
        if back[charge.pk] > max(0, seen.nets[charge.pk]):
            yield f"charge {charge.pk} {charge}: {back[charge.pk]} given back of {seen.nets[charge.pk]}"
        if before[charge.pk] > max(0, charge.undiscounted_minor):
            yield f"charge {charge.pk} {charge}: {before[charge.pk]} given back of {charge.undiscounted_minor} before discount"
        # What a cap took off and takes off no more is a credit that is taken back.
        is_credit = charge.undiscounted_minor < 0 or charge.amount_minor < 0 or charge.reason == Charge.Reason.CAP
        if (
            is_credit
            and charge.kind != "minimum"
            and parts[charge.pk] != [charge.amount_minor, charge.undiscounted_minor]
        ):
            yield f"credit {charge.pk} {charge}: {charge.amount_minor}, {charge.undiscounted_minor} has parts {parts[charge.pk]}"
        if not is_credit and charge.pk in parts:
            yield f"charge {charge.pk} {charge} gives back, and is no credit"


def wallets_are_covered(seen: Seen) -> Iterator[str]:
    """No wallet is below zero, and each holds what the book says."""
    for wallet in Wallet.objects.filter(among("tenant", seen.world.ids)).order_by("pk"):
        if wallet.paid_minor < 0 or wallet.gift_minor < 0:
            yield f"wallet {wallet.pk}: {wallet.paid_minor} and {wallet.gift_minor} given"
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"ids": seen.world.ids})
        for tenant, paid, gift, book_paid, book_gift in cursor.fetchall():
            yield f"wallet of {tenant}: {paid} and {gift} given, the book says {book_paid} and {book_gift}"


_HELD = """
SELECT w.tenant_id, w.paid_minor, w.gift_minor, b.paid, b.gift FROM billing_wallet w CROSS JOIN LATERAL (
  SELECT -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet'), 0) AS paid,
    -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet_gift'), 0) AS gift
  FROM billing_account a JOIN billing_posting p ON p.account_id = a.id
  WHERE a.tenant_id = w.tenant_id AND a.seller_id = w.seller_id AND a.currency = w.currency) b
WHERE w.tenant_id = ANY(%(ids)s) AND (w.paid_minor, w.gift_minor) <> (b.paid, b.gift)
"""


ALWAYS: tuple[Invariant, ...] = (
    documents_and_book_agree,
    invoices_add_up,
    charges_are_asked_for_once,
    credits_are_of_what_was_charged,
    wallets_are_covered,
)
