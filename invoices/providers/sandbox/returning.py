"""The way back from the page to the merchant's own: an address of his, which proves nothing."""

from __future__ import annotations

from urllib.parse import urlencode

from invoices.providers.sandbox import signing
from invoices.providers.sandbox.gate import Sandbox, beijing, on_loopback, yuan
from invoices.providers.sandbox.records import Contract, Order


def address(sandbox: Sandbox, record: Order | Contract) -> str:
    """Return the merchant's return_url, on this machine only; Alipay puts the trade in, signed. Empty: there is none."""
    if not record.return_url or not on_loopback(record.return_url):
        return ""
    if isinstance(record, Contract) or record.provider != "alipay" or record.state != "paid":
        return record.return_url
    told = {
        "app_id": sandbox.keys.alipay_app,
        "method": "alipay.trade.page.pay.return",
        "charset": "utf-8",
        "version": "1.0",
        "out_trade_no": record.number,
        "trade_no": record.trade_no,
        "total_amount": yuan(record.minor),
        "seller_id": sandbox.keys.alipay_seller,
        "timestamp": beijing(sandbox.clock.stamp()),
    }
    text = signing.alipay_text(told)
    told |= {"sign_type": "RSA2", "sign": signing.sign(sandbox.keys.alipay_private_theirs, text)}
    joint = "&" if "?" in record.return_url else "?"
    return f"{record.return_url}{joint}{urlencode(told)}"
