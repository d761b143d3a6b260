"""Money on acme's pages: a balance with parts, codes that wait and are paid, agreements, refunds and claims, through the sandbox."""

from __future__ import annotations

from datetime import date, timedelta

from billing import wallets
from billing.money import Money
from invoices import claiming, mandates, paying, refunding, remitting, returning
from invoices.models import Mandate, Payment, Refund
from invoices.providers import accounts
from tests import portal
from tests.sandbox import Running

LATER = portal.NOON + timedelta(minutes=5)


def accounts_of(told: portal.Portal, sandbox: Running, settings, home: str) -> None:
    """Let acme's seller take payments through the sandbox, which calls back to the live site."""
    sandbox.gate.clock.move(portal.NOON)
    settings.SITE_URL, settings.ALLOWED_HOSTS = home, ["*"]
    settings.PAYMENT_GATEWAYS = [said["gateway"] for said in sandbox.account.values()]
    for provider, said in sandbox.account.items():
        accounts.set_up(told.subscription.seller, provider, **said, at=portal.NOON, by=None)


def begun(told: portal.Portal, method: str, **what) -> Payment:
    """Begin a payment of a code by hand."""
    wanted = paying.intend(
        told.acme,
        seller=told.subscription.seller,
        currency="CNY",
        method=method,
        product=Payment.Product.QR,
        at=portal.NOON,
        by=told.alice,
        **what,
    )
    return paying.begin(wanted, at=portal.NOON)


def paid(told: portal.Portal, sandbox: Running, method: str, **what) -> Payment:
    """Begin a payment, and let a person pay it."""
    payment = begun(told, method, **what)
    sandbox.scan(method, payment.reference)
    sandbox.approve(method, payment.reference)
    payment.refresh_from_db()
    return payment


def offered(told: portal.Portal, provider: str) -> Mandate:
    """Begin an agreement that is to be signed at a provider."""
    wanted = mandates.offer(
        told.acme,
        seller=told.subscription.seller,
        provider=provider,
        text="每次不超过 ¥500.00",
        text_version="1",
        single_minor=500_00,
        at=portal.NOON,
        by=told.alice,
    )
    return mandates.sign(wanted, at=portal.NOON)


def addresses(told: portal.Portal, sandbox: Running) -> dict[str, str]:
    """Make something for every page to show, and return the pages by a short name."""
    sold_by, bill = told.subscription.seller, told.bills[1]
    for amount, gift in (("300.00", False), ("50.00", True)):
        wallets.top_up_by_hand(
            told.acme, seller=sold_by, amount=Money.of(amount, "CNY"), reason="预存", key=amount, at=portal.NOON,
            by=None, gift=gift, expires=LATER + timedelta(days=90) if gift else None,
        )  # fmt: skip
    top_up = paid(told, sandbox, "wechat", top_up_minor=200_00)
    wallet = told.acme.wallets.get()
    refunds = refunding.withdraw(wallet, amount_minor=250_00, at=LATER, by=told.alice)
    returning.send(at=LATER)
    waiting = begun(told, "alipay", top_up_minor=66_00)
    remitting.code_of(told.acme, sold_by, at=portal.NOON)
    claiming.claim(
        told.acme, seller=sold_by, amount=Money.of("36.00", "CNY"), paid_on=date(2026, 10, 19), key="k",
        payer_name=told.acme.name, last_digits="1234", remark="服务费", at=portal.NOON, by=told.alice,
    )  # fmt: skip
    signing = offered(told, "wechat")
    origin = next(one for one in refunds if one.to == Refund.To.ORIGIN)
    new = "new/?provider=wechat&single=500&per_month=2000"
    return {name: f"/c/acme/{path}" for name, path in {
        "bill-to-pay": f"bills/{bill.pk}/",
        "pay": "pay/",
        "top-up": "wallet/top-up/",
        "top-up-ways": "wallet/top-up/?amount=500",
        "payments": "payments/",
        "payment-waits": f"payments/{waiting.pk}/",
        "payment-paid": f"payments/{top_up.pk}/",
        "wallet": "wallet/",
        "withdraw": "wallet/withdraw/",
        "refunds": "refunds/",
        "refund": f"refunds/{origin.pk}/",
        "transfer": "transfer/",
        "claim": "transfer/claim/",
        "agreements": "controls/agreements/",
        "agreement-offer": f"controls/agreements/{new}",
        "agreement": f"controls/agreements/{signing.pk}/",
    }.items()}  # fmt: skip
