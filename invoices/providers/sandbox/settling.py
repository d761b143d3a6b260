"""What happens by itself as time goes on: codes run out, debits and refunds of WeChat are carried out."""

from __future__ import annotations

from invoices.providers.sandbox import ordering, papay_debits, wechat_refunds
from invoices.providers.sandbox.gate import Sandbox


def settle(sandbox: Sandbox) -> None:
    """Bring every record up to the sandbox's instant. The caller holds the lock."""
    ordering.expire(sandbox)
    papay_debits.settle(sandbox)
    wechat_refunds.settle(sandbox)
