"""Prove the book: every transaction balances, every account belongs to its seller and currency, nothing is out of place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the books: where, and what."""

    where: str
    what: str


BALANCE = """
SELECT t.id, t.source, t.source_id, t.kind, sum(p.amount_minor)
FROM billing_ledgertransaction t JOIN billing_posting p ON p.transaction_id = t.id
GROUP BY t.id, t.source, t.source_id, t.kind HAVING sum(p.amount_minor) <> 0 ORDER BY t.id LIMIT 100
"""
EMPTY = """
SELECT t.id, t.source, t.source_id FROM billing_ledgertransaction t
WHERE NOT EXISTS (SELECT 1 FROM billing_posting p WHERE p.transaction_id = t.id) ORDER BY t.id LIMIT 100
"""
FOREIGN = """
SELECT p.id, t.id FROM billing_posting p
JOIN billing_ledgertransaction t ON t.id = p.transaction_id JOIN billing_account a ON a.id = p.account_id
WHERE a.seller_id <> t.seller_id OR a.currency <> t.currency
   OR (a.tenant_id IS NOT NULL AND a.tenant_id IS DISTINCT FROM t.tenant_id) ORDER BY p.id LIMIT 100
"""
# A wallet that nobody has yet is one of nothing.
WALLETS = """
SELECT t.code, page.currency, coalesce(w.paid_minor, 0), coalesce(w.gift_minor, 0), coalesce(b.paid, 0), coalesce(b.gift, 0)
FROM (
  SELECT a.tenant_id, a.seller_id, a.currency, -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet'), 0) AS paid,
    -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet_gift'), 0) AS gift
  FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
  WHERE a.kind IN ('wallet', 'wallet_gift') GROUP BY 1, 2, 3) b
FULL JOIN billing_wallet w USING (tenant_id, seller_id, currency) AS page
JOIN tenants_tenant t ON t.id = page.tenant_id
WHERE coalesce(w.paid_minor, 0) <> coalesce(b.paid, 0) OR coalesce(w.gift_minor, 0) <> coalesce(b.gift, 0)
ORDER BY t.code LIMIT 100
"""
SEALS = """
SELECT wanted FROM unnest(%s::text[]) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = wanted AND tgenabled <> 'D')
"""
TRIGGERS = [
    "billing_account_sealed",
    "billing_ledgertransaction_sealed",
    "billing_posting_sealed",
    "billing_posting_balanced",
    "billing_charge_sealed",
    "billing_topup_sealed",
]


def faults() -> Iterator[Fault]:
    """Yield what is wrong with the book itself (agreement with invoices and payments is proven by `invoices.checking`)."""
    for pk, source, source_id, kind, amount in _rows(BALANCE):
        yield Fault(f"ledger transaction {pk} ({source}:{source_id} {kind})", f"sums to {amount}, not to 0")
    for pk, source, source_id in _rows(EMPTY):
        yield Fault(f"ledger transaction {pk} ({source}:{source_id})", "has no postings")
    for posting, pk in _rows(FOREIGN):
        yield Fault(
            f"posting {posting} of ledger transaction {pk}", "is on another seller's, currency's or customer's account"
        )
    for code, currency, paid, gift, book_paid, book_gift in _rows(WALLETS):
        yield Fault(f"wallet {code} {currency}", f"says {paid} and {gift} given, the book {book_paid} and {book_gift}")
    yield from unsealed(TRIGGERS)


def unsealed(triggers: list[str]) -> Iterator[Fault]:
    """Yield each trigger that is missing or switched off."""
    for (name,) in _rows(SEALS, [triggers]):
        yield Fault(f"trigger {name}", "is missing or switched off")


def _rows(sql: str, params: list[list[str]] | None = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()
