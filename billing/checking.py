"""Prove the book: every transaction balances, every account belongs to its seller and currency, nothing is out of place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from billing import sealing
from tenants import chaining


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
LOTS = """
SELECT t.code, w.currency, w.paid_minor, w.gift_minor, l.paid, l.gift
FROM billing_wallet w JOIN tenants_tenant t ON t.id = w.tenant_id CROSS JOIN LATERAL (
  SELECT coalesce(sum(left_minor) FILTER (WHERE kind = 'paid'), 0) AS paid,
    coalesce(sum(left_minor) FILTER (WHERE kind = 'gift'), 0) AS gift
  FROM billing_walletlot WHERE wallet_id = w.id) l
WHERE w.paid_minor <> l.paid OR w.gift_minor <> l.gift ORDER BY t.code, w.currency LIMIT 100
"""
USES = """
SELECT t.code, w.currency, l.id, l.left_minor, l.amount_minor + coalesce(u.moved, 0)
FROM billing_walletlot l JOIN billing_wallet w ON w.id = l.wallet_id JOIN tenants_tenant t ON t.id = w.tenant_id
LEFT JOIN (SELECT lot_id, sum(amount_minor) AS moved FROM billing_lotuse GROUP BY 1) u ON u.lot_id = l.id
WHERE l.left_minor <> l.amount_minor + coalesce(u.moved, 0) ORDER BY l.id LIMIT 100
"""
# What each booking moved in a wallet, by its postings and by the lots that it made or moved.
BOOKED = """
SELECT source, source_id, cause, coalesce(b.paid, 0), coalesce(b.gift, 0), coalesce(l.paid, 0), coalesce(l.gift, 0)
FROM (
  SELECT t.source, t.source_id, t.kind AS cause, -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet'), 0) AS paid,
    -coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet_gift'), 0) AS gift
  FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
  JOIN billing_ledgertransaction t ON t.id = p.transaction_id WHERE a.kind IN ('wallet', 'wallet_gift') GROUP BY 1, 2, 3) b
FULL JOIN (
  SELECT source, source_id, cause, sum(amount) FILTER (WHERE kind = 'paid') AS paid,
    sum(amount) FILTER (WHERE kind = 'gift') AS gift
  FROM (
    SELECT source, source_id, cause, kind, amount_minor AS amount FROM billing_walletlot UNION ALL
    SELECT u.source, u.source_id, u.cause, l.kind, u.amount_minor FROM billing_lotuse u
    JOIN billing_walletlot l ON l.id = u.lot_id) moved
  GROUP BY 1, 2, 3) l USING (source, source_id, cause)
WHERE coalesce(b.paid, 0) <> coalesce(l.paid, 0) OR coalesce(b.gift, 0) <> coalesce(l.gift, 0)
ORDER BY source, source_id LIMIT 100
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
    "billing_ledgerseal_sealed",
    "billing_ledgertransaction_stays",
    "billing_walletlot_sealed",
    "billing_lotuse_sealed",
    "billing_wallet_is_its_lots",
    "billing_walletlot_in_wallet",
    "tenants_auditentry_sealed",
    "tenants_auditentry_stays",
    "tenants_auditseal_sealed",
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
    yield from _lots()
    for where, what in (*sealing.differences(), *chaining.faults()):
        yield Fault(where, what)
    yield from unsealed(TRIGGERS)


def _lots() -> Iterator[Fault]:
    for code, currency, paid, gift, lots_paid, lots_gift in _rows(LOTS):
        yield Fault(
            f"lots of wallet {code} {currency}",
            f"hold {lots_paid} and {lots_gift} given, the wallet says {paid} and {gift}",
        )
    for code, currency, pk, left, moved in _rows(USES):
        yield Fault(f"lot {pk} of wallet {code} {currency}", f"says {left} are left, its uses leave {moved}")
    for source, source_id, cause, paid, gift, lots_paid, lots_gift in _rows(BOOKED):
        yield Fault(
            f"lots of booking {source}:{source_id} {cause}",
            f"moved {lots_paid} and {lots_gift} given, the book {paid} and {gift}",
        )


def unsealed(triggers: list[str]) -> Iterator[Fault]:
    """Yield each trigger that is missing or switched off."""
    for (name,) in _rows(SEALS, [triggers]):
        yield Fault(f"trigger {name}", "is missing or switched off")


def _rows(sql: str, params: list[list[str]] | None = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()
