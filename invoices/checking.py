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
          WHERE t.source = 'credit_note' AND t.source_id = c.id
            AND a.kind IN ('receivable', 'unallocated', 'wallet', 'wallet_gift', 'refund_payable')) b ON true
        WHERE c.total_minor <> coalesce(b.amount, 0)""",
    "amount of payment": """
        SELECT y.reference, y.amount_minor, b.amount FROM invoices_payment y LEFT JOIN LATERAL (
          SELECT sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'payment' AND t.source_id = y.id
            AND CASE y.method WHEN 'wallet' THEN a.kind IN ('wallet', 'wallet_gift')
              ELSE a.kind IN ('cash', 'cash_alipay', 'cash_wechat', 'suspense') END) b ON true
        WHERE CASE WHEN y.status IN ('succeeded', 'refunded') THEN y.amount_minor ELSE 0 END <> coalesce(b.amount, 0)""",
    # Came in as suspense, and left it to a payment, to the payer, or because it had been recorded by hand.
    "amount of bank credit": """
        SELECT c.reference, c.amount_minor, b.came FROM invoices_bankcredit c LEFT JOIN LATERAL (
          SELECT -sum(p.amount_minor) FILTER (WHERE t.source = 'bank_credit' AND t.kind = 'received') AS came,
            sum(p.amount_minor) FILTER (WHERE t.source = 'payment' OR t.kind <> 'received') AS gone
          FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE a.kind = 'suspense' AND t.seller_id = c.seller_id AND (t.source = 'bank_credit' AND t.source_id = c.id
            OR t.source = 'payment' AND t.source_id = c.payment_id)) b ON true
        WHERE c.amount_minor <> coalesce(b.came, 0)
          OR CASE WHEN c.state IN ('matched', 'returned') THEN c.amount_minor ELSE 0 END <> coalesce(b.gone, 0)""",
    "right to deduct": """
        SELECT y.reference, y.amount_minor, n.total_minor FROM invoices_payment y
        JOIN invoices_chargenotice n ON n.id = y.notice_id JOIN tenants_authorisation g ON g.id = y.authorisation_id
        WHERE y.basis = 'automatic' AND y.status = 'succeeded' AND (
          (n.tenant_id, n.seller_id, n.currency) <> (y.tenant_id, y.seller_id, y.currency)
          OR (g.tenant_id, g.seller_id, g.currency) <> (y.tenant_id, y.seller_id, y.currency)
          OR g.given_at > y.received_at OR g.withdrawn_at <= y.received_at AND NOT EXISTS (
            SELECT 1 FROM invoices_refund r WHERE r.payment_id = y.id AND r.status <> 'declined'))""",
    "cause of top-up": """
        SELECT u.key, u.amount_minor, b.amount FROM billing_topup u LEFT JOIN LATERAL (
          SELECT -sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'top_up' AND t.source_id = u.id
            AND a.kind = CASE WHEN u.gift THEN 'wallet_gift' ELSE 'wallet' END) b ON true
        WHERE u.amount_minor <> coalesce(b.amount, 0)""",
    "tax of invoice": """
        SELECT i.number, i.tax_minor, b.amount FROM invoices_invoice i LEFT JOIN LATERAL (
          SELECT -sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'invoice' AND t.source_id = i.id AND t.kind = 'issued' AND a.kind = 'tax_payable') b ON true
        WHERE i.number IS NOT NULL AND i.tax_minor <> coalesce(b.amount, 0)""",
    "lines of invoice": """
        SELECT coalesce(i.number, 'draft ' || i.id), concat_ws(' ', i.subtotal_minor, i.discount_minor, i.tax_minor, i.total_minor),
          concat_ws(' ', l.subtotal, l.discount, l.tax, l.total)
        FROM invoices_invoice i CROSS JOIN LATERAL (
          SELECT coalesce(sum(amount_minor), 0) AS subtotal, coalesce(sum(discount_minor), 0) AS discount,
            coalesce(sum(tax_minor), 0) AS tax, coalesce(sum(gross_minor), 0) AS total
          FROM invoices_invoiceline WHERE invoice_id = i.id) l
        WHERE (i.subtotal_minor, i.discount_minor, i.tax_minor, i.total_minor) <> (l.subtotal, l.discount, l.tax, l.total)""",
    "state of invoice": """
        SELECT number, status, due_minor FROM invoices_invoice
        WHERE status = 'paid' AND due_minor <> 0 OR status = 'void' AND total_minor <> credited_minor""",
    "lines of credit note": """
        SELECT c.number, c.total_minor, l.total FROM invoices_creditnote c CROSS JOIN LATERAL (
          SELECT coalesce(sum(gross_minor), 0) AS total, coalesce(sum(tax_minor), 0) AS tax
          FROM invoices_creditnoteline WHERE credit_note_id = c.id) l
        WHERE (c.total_minor, c.tax_minor) <> (l.total, l.tax)""",
    "credit of line": """
        SELECT i.number || ' line ' || l.position, l.credited_minor, coalesce(c.credited, 0) FROM invoices_invoiceline l
        JOIN invoices_invoice i ON i.id = l.invoice_id LEFT JOIN (
          SELECT x.line_id, sum(x.gross_minor - CASE WHEN (n.seller_copy->>'tax_inclusive')::boolean THEN 0 ELSE x.tax_minor END)
            AS credited FROM invoices_creditnoteline x JOIN invoices_creditnote n ON n.id = x.credit_note_id GROUP BY 1) c
          ON c.line_id = l.id
        WHERE l.credited_minor <> coalesce(c.credited, 0)""",
    "parts of payment": """
        SELECT y.reference, y.amount_minor, sum(a.amount_minor) FROM invoices_payment y
        JOIN invoices_allocation a ON a.payment_id = y.id JOIN invoices_invoice i ON i.id = a.invoice_id
        GROUP BY y.id, y.reference, y.amount_minor HAVING sum(a.amount_minor) > y.amount_minor
          OR bool_or((i.tenant_id, i.seller_id, i.currency) <> (y.tenant_id, y.seller_id, y.currency))""",
    "settlement of invoice": """
        SELECT i.number, i.paid_minor, coalesce(a.paid, 0) - coalesce(c.returned, 0) FROM invoices_invoice i
        LEFT JOIN (SELECT invoice_id, sum(amount_minor) AS paid FROM invoices_allocation GROUP BY 1) a ON a.invoice_id = i.id
        LEFT JOIN (SELECT invoice_id, sum(returned_minor) AS returned FROM invoices_creditnote GROUP BY 1) c ON c.invoice_id = i.id
        WHERE i.paid_minor <> coalesce(a.paid, 0) - coalesce(c.returned, 0)""",
    "receivable of customer": """
        SELECT t.code || ' ' || page.currency, coalesce(o.due, 0), b.amount FROM (
          SELECT tenant_id, seller_id, currency, sum(due_minor) AS due FROM invoices_invoice
          WHERE number IS NOT NULL AND status <> 'uncollectible' GROUP BY 1, 2, 3) o
        FULL JOIN (
          SELECT a.tenant_id, a.seller_id, a.currency, sum(p.amount_minor) AS amount FROM billing_posting p
          JOIN billing_account a ON a.id = p.account_id WHERE a.kind = 'receivable' GROUP BY 1, 2, 3) b
          USING (tenant_id, seller_id, currency) AS page
        JOIN tenants_tenant t ON t.id = page.tenant_id
        WHERE coalesce(o.due, 0) <> coalesce(b.amount, 0)""",
    "loss of write-off": """
        SELECT i.number, w.amount_minor, b.amount FROM invoices_writeoff w JOIN invoices_invoice i ON i.id = w.invoice_id
        LEFT JOIN LATERAL (
          SELECT sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'write_off' AND t.source_id = w.id AND t.kind = 'written_off' AND a.kind = 'write_off') b ON true
        WHERE CASE WHEN w.status = 'approved' THEN w.amount_minor ELSE 0 END <> coalesce(b.amount, 0)
        UNION ALL
        SELECT i.number, i.due_minor, NULL FROM invoices_invoice i WHERE i.status = 'uncollectible' AND NOT EXISTS (
          SELECT 1 FROM invoices_writeoff w WHERE w.invoice_id = i.id AND w.status = 'approved')""",
    "place of charge": """
        SELECT c.code || ' ' || c.id, (c.taken_at IS NOT NULL)::int,
          (l.id IS NOT NULL)::int + (n.id IS NOT NULL)::int + (w.id IS NOT NULL)::int
        FROM billing_charge c LEFT JOIN invoices_invoiceline l ON l.charge_id = c.id
        LEFT JOIN invoices_creditedcharge n ON n.charge_id = c.id
        LEFT JOIN invoices_withdrawncharge w ON w.charge_id = c.id
        WHERE (c.taken_at IS NOT NULL)::int
          <> (l.id IS NOT NULL)::int + (n.id IS NOT NULL)::int + (w.id IS NOT NULL)::int""",
    "credit of invoice": """
        SELECT i.number, i.total_minor, sum(c.total_minor) FROM invoices_invoice i
        JOIN invoices_creditnote c ON c.invoice_id = i.id
        GROUP BY i.id, i.number, i.total_minor, i.credited_minor, i.tax_minor
        HAVING sum(c.total_minor) > i.total_minor OR sum(c.total_minor) <> i.credited_minor
          OR sum(c.total_minor) = i.total_minor AND sum(c.tax_minor) <> i.tax_minor""",
    "charges of credit note": """
        SELECT n.number, -sum(x.gross_minor), w.total FROM invoices_creditnote n
        JOIN invoices_creditedcharge x ON x.credit_note_id = n.id CROSS JOIN LATERAL (
          SELECT sum(total_minor) AS total FROM invoices_creditnote WHERE id = n.id OR first_id = n.id) w
        GROUP BY n.id, n.number, w.total HAVING w.total > -sum(x.gross_minor) OR bool_or(n.first_id IS NOT NULL)""",
    "charge of credit note": """
        SELECT n.number || ' ' || x.position, x.amount_minor, c.amount_minor FROM invoices_creditedcharge x
        JOIN billing_charge c ON c.id = x.charge_id JOIN invoices_creditnote n ON n.id = x.credit_note_id
        WHERE x.amount_minor <> c.amount_minor""",
    "discount of charge": """
        SELECT c.code || ' ' || c.id, coalesce(l.discount_minor, x.discount_minor), coalesce(d.given, 0)
        FROM billing_charge c LEFT JOIN invoices_invoiceline l ON l.charge_id = c.id
        LEFT JOIN invoices_invoice i ON i.id = l.invoice_id LEFT JOIN invoices_creditedcharge x ON x.charge_id = c.id
        LEFT JOIN (SELECT charge_id, sum(amount_minor) AS given, bool_and(final_at IS NOT NULL) AS final
          FROM billing_applieddiscount GROUP BY 1) d ON d.charge_id = c.id
        WHERE coalesce(l.discount_minor, x.discount_minor, 0) <> coalesce(d.given, 0)
          OR coalesce(d.given, 0) > greatest(c.amount_minor, 0) OR d.final <> (i.status IS DISTINCT FROM 'draft')""",
    "budget of coupon": """
        SELECT p.code, p.budget_minor, sum(d.amount_minor) FROM billing_coupon p
        JOIN billing_redemption r ON r.coupon_id = p.id JOIN billing_applieddiscount d ON d.redemption_id = r.id
        WHERE d.undone_at IS NULL GROUP BY p.id HAVING sum(d.amount_minor) > p.budget_minor""",
    "source of booking": """
        SELECT t.source || ':' || t.source_id, t.kind, NULL FROM billing_ledgertransaction t
        WHERE t.source = 'invoice' AND NOT EXISTS (SELECT 1 FROM invoices_invoice i WHERE i.id = t.source_id AND i.number IS NOT NULL)
          OR t.source = 'credit_note' AND NOT EXISTS (SELECT 1 FROM invoices_creditnote c WHERE c.id = t.source_id)
          OR t.source = 'payment' AND NOT EXISTS (SELECT 1 FROM invoices_payment y WHERE y.id = t.source_id)
          OR t.source = 'allocation' AND NOT EXISTS (SELECT 1 FROM invoices_allocation x WHERE x.id = t.source_id)
          OR t.source = 'line' AND NOT EXISTS (SELECT 1 FROM invoices_invoiceline l WHERE l.id = t.source_id)
          OR t.source = 'lot' AND NOT EXISTS (SELECT 1 FROM billing_walletlot o WHERE o.id = t.source_id)
          OR t.source = 'top_up' AND NOT EXISTS (SELECT 1 FROM billing_topup u WHERE u.id = t.source_id)
          OR t.source = 'refund' AND NOT EXISTS (SELECT 1 FROM invoices_refund r WHERE r.id = t.source_id)
          OR t.source = 'write_off' AND NOT EXISTS (SELECT 1 FROM invoices_writeoff w WHERE w.id = t.source_id)""",
    # Between nothing and the line's net amount, whatever was credited; credits are taken off by the next month's run.
    "earned of line": """
        SELECT i.number || ' line ' || l.position, l.gross_minor - l.tax_minor, b.amount FROM (
          SELECT t.source_id, -sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'line' AND a.kind = 'revenue' GROUP BY 1) b
        JOIN invoices_invoiceline l ON l.id = b.source_id JOIN invoices_invoice i ON i.id = l.invoice_id
        WHERE b.amount NOT BETWEEN least(l.gross_minor - l.tax_minor, 0) AND greatest(l.gross_minor - l.tax_minor, 0)""",
    "revenue of seller": """
        SELECT s.code || ' ' || page.currency, coalesce(o.net, 0), coalesce(b.amount, 0) FROM (
          SELECT seller_id, currency, sum(net) AS net FROM (
            SELECT seller_id, currency, total_minor - tax_minor AS net FROM invoices_invoice WHERE number IS NOT NULL UNION ALL
            SELECT seller_id, currency, tax_minor - total_minor FROM invoices_creditnote) each GROUP BY 1, 2) o
        FULL JOIN (
          SELECT a.seller_id, a.currency, -sum(p.amount_minor) AS amount FROM billing_posting p
          JOIN billing_account a ON a.id = p.account_id WHERE a.kind IN ('revenue', 'revenue_deferred') GROUP BY 1, 2) b
          USING (seller_id, currency) AS page
        JOIN tenants_seller s ON s.id = page.seller_id WHERE coalesce(o.net, 0) <> coalesce(b.amount, 0)""",
    "amount of refund": """
        SELECT r.reference, CASE WHEN r.status = 'succeeded' AND r."to" = 'origin' THEN r.amount_minor ELSE 0 END, b.amount
        FROM invoices_refund r LEFT JOIN LATERAL (
          SELECT sum(p.amount_minor) AS amount FROM billing_ledgertransaction t
          JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
          WHERE t.source = 'refund' AND t.source_id = r.id AND t.kind = 'sent' AND a.kind = 'refund_payable') b ON true
        WHERE CASE WHEN r.status = 'succeeded' AND r."to" = 'origin' THEN r.amount_minor ELSE 0 END <> coalesce(b.amount, 0)""",
    # Owed back: refunds that are approved and have not left, and withdrawals from the moment they are asked for.
    "refunds payable of customer": """
        SELECT t.code || ' ' || page.currency, coalesce(o.owed, 0), coalesce(b.amount, 0) FROM (
          SELECT tenant_id, seller_id, currency, sum(amount_minor) AS owed FROM invoices_refund
          WHERE "to" = 'origin' AND (status IN ('approved', 'intended', 'unknown') OR status = 'requested' AND invoice_id IS NULL)
          GROUP BY 1, 2, 3) o
        FULL JOIN (
          SELECT a.tenant_id, a.seller_id, a.currency, -sum(p.amount_minor) AS amount FROM billing_posting p
          JOIN billing_account a ON a.id = p.account_id WHERE a.kind = 'refund_payable' GROUP BY 1, 2, 3) b
          USING (tenant_id, seller_id, currency) AS page
        JOIN tenants_tenant t ON t.id = page.tenant_id
        WHERE coalesce(o.owed, 0) <> coalesce(b.amount, 0)""",
    # What came in there by payments, less what refunds sent back; fees and corrections are booked by statements.
    "cash of seller at provider": """
        SELECT s.code || ' ' || page.kind || ' ' || page.currency, coalesce(o.came, 0), coalesce(b.amount, 0) FROM (
          SELECT seller_id, currency, 'cash_' || provider AS kind, sum(amount) AS came FROM (
            SELECT seller_id, currency, provider, amount_minor AS amount FROM invoices_payment
            WHERE status IN ('succeeded', 'refunded') AND method IN ('alipay', 'wechat') UNION ALL
            SELECT r.seller_id, r.currency, y.provider, -r.amount_minor FROM invoices_refund r
            JOIN invoices_payment y ON y.id = r.payment_id
            WHERE r.status = 'succeeded' AND r."to" = 'origin' AND y.method IN ('alipay', 'wechat')) each GROUP BY 1, 2, 3) o
        FULL JOIN (
          SELECT a.seller_id, a.currency, a.kind, sum(p.amount_minor) AS amount FROM billing_posting p
          JOIN billing_account a ON a.id = p.account_id JOIN billing_ledgertransaction t ON t.id = p.transaction_id
          WHERE a.kind IN ('cash_alipay', 'cash_wechat') AND t.source IN ('payment', 'refund') GROUP BY 1, 2, 3) b
          USING (seller_id, currency, kind) AS page
        JOIN tenants_seller s ON s.id = page.seller_id WHERE coalesce(o.came, 0) <> coalesce(b.amount, 0)""",
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


# The seals of documents; those of the book are named by `billing.checking`.
TRIGGERS = [
    *(
        f"invoices_{table}_sealed"
        for table in (
            *("invoice", "invoiceline", "creditnote", "creditnoteline", "payment", "allocation", "document"),
            "chargenotice",
        )
    ),
    "invoices_invoiceline_into_draft",
    "invoices_invoice_settled",
    "invoices_invoice_begins_as_draft",
    "invoices_invoice_right",
    "invoices_creditedcharge_sealed",
    "invoices_withdrawncharge_sealed",
]


def faults() -> Iterator[Fault]:
    """Yield all that is wrong with the books, saying exactly where; nothing when they are right."""
    yield from checking.faults()
    yield from checking.unsealed(TRIGGERS)
    for what, sql in AGREEMENT.items():
        for which, said, book in _rows(sql):
            yield Fault(f"{what} {which}", f"says {said}, its counterpart says {book}")
    for series, last, count, highest in _rows(GAPS):
        yield Fault(f"number series {series}", f"gave {last} numbers, {count} are used, the highest is {highest}")


def _rows(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
