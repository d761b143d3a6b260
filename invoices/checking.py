"""Prove that documents and book agree: every invoice, credit note and payment with its ledger transaction, and all sums."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from billing import checking
from billing.checking import Fault

# Each finds (what, which, said, book) of rows that disagree; `book` null: it is not booked at all.
AGREEMENT = {
    "total of invoice": """
        SELECT i.number, i.total_minor, b.amount FROM invoices_invoice i LEFT JOIN LATERAL (
          SELECT sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'invoice' AND t.source_id = i.id AND t.kind = 'issued' AND a.kind = 'receivable') b ON true
        WHERE i.number IS NOT NULL AND i.total_minor <> coalesce(b.amount, 0)""",
    "total of credit note": """
        SELECT c.number, c.total_minor, b.amount FROM invoices_creditnote c LEFT JOIN LATERAL (
          SELECT -sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'credit_note' AND t.source_id = c.id AND a.kind IN ('receivable', 'unallocated')) b ON true
        WHERE c.total_minor <> coalesce(b.amount, 0)""",
    "amount of payment": """
        SELECT y.reference, y.amount_minor, b.amount FROM invoices_payment y LEFT JOIN LATERAL (
          SELECT sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'payment' AND t.source_id = y.id AND a.kind = 'cash') b ON true
        WHERE y.amount_minor <> coalesce(b.amount, 0)""",
    "lines of invoice": """
        SELECT i.number, i.total_minor, sum(l.gross_minor) FROM invoices_invoice i
        JOIN invoices_invoiceline l ON l.invoice_id = i.id
        GROUP BY i.id HAVING i.total_minor <> sum(l.gross_minor)""",
    "settlement of invoice": """
        SELECT i.number, i.paid_minor, coalesce(a.paid, 0) - coalesce(c.returned, 0) FROM invoices_invoice i
        LEFT JOIN (SELECT invoice_id, sum(amount_minor) AS paid FROM invoices_allocation GROUP BY 1) a ON a.invoice_id = i.id
        LEFT JOIN (SELECT invoice_id, sum(returned_minor) AS returned FROM invoices_creditnote GROUP BY 1) c ON c.invoice_id = i.id
        WHERE i.paid_minor <> coalesce(a.paid, 0) - coalesce(c.returned, 0)""",
    "receivable of customer": """
        SELECT t.code || ' ' || o.currency, o.due, b.amount FROM (
          SELECT tenant_id, seller_id, currency, sum(due_minor) AS due FROM invoices_invoice
          WHERE number IS NOT NULL GROUP BY 1, 2, 3) o
        JOIN tenants_tenant t ON t.id = o.tenant_id
        LEFT JOIN (
          SELECT a.tenant_id, a.seller_id, a.currency, sum(p.amount_minor) AS amount FROM billing_posting p
          JOIN billing_account a ON a.id = p.account_id WHERE a.kind = 'receivable' GROUP BY 1, 2, 3) b
          ON b.tenant_id = o.tenant_id AND b.seller_id = o.seller_id AND b.currency = o.currency
        WHERE o.due <> coalesce(b.amount, 0)""",
    "charge of line": """
        SELECT i.number || ' line ' || l.position, l.amount_minor, c.amount_minor FROM invoices_invoiceline l
        JOIN billing_charge c ON c.id = l.charge_id JOIN invoices_invoice i ON i.id = l.invoice_id
        WHERE l.amount_minor <> c.amount_minor OR c.taken_at IS NULL""",
}
GAPS = """
SELECT s.prefix || '-' || s.year, s.last_number, n.count, n.highest FROM invoices_numberseries s
CROSS JOIN LATERAL (
  SELECT count(*) AS count, coalesce(max(sequence), 0) AS highest FROM (
    SELECT sequence FROM invoices_invoice WHERE series_id = s.id
    UNION ALL SELECT sequence FROM invoices_creditnote WHERE series_id = s.id) numbers) n
WHERE s.last_number <> n.count OR s.last_number <> n.highest
"""


def faults() -> Iterator[Fault]:
    """Yield all that is wrong with the books, saying exactly where; nothing when they are right."""
    yield from checking.faults()
    for what, sql in AGREEMENT.items():
        for which, said, book in _rows(sql):
            yield Fault(f"{what} {which}", f"says {said}, its counterpart says {book}")
    for series, last, count, highest in _rows(GAPS):
        yield Fault(f"number series {series}", f"gave {last} numbers, {count} are used, the highest is {highest}")


def _rows(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
