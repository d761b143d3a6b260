"""How the demo's customers pay, day by day: by transfer, by scanning a code, or by deduction under an agreement.

Providers are simulated while the year goes by (`gateways.using`); what they know in the end is handed to the sandbox (`sandboxing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from zlib import crc32
from zoneinfo import ZoneInfo

from billing.money import Money
from invoices import (
    announcing,
    asking,
    debiting,
    dunning,
    earning,
    mandates,
    matching,
    paying,
    payments,
    pretelling,
    returning,
    taking_in,
)
from invoices.demo import banking
from invoices.demo.reading import Customer, months_before
from invoices.models import ChargeNotice, Invoice, Payment
from invoices.providers.simulated import Simulation
from tenants.models import Seller, Tenant, User

ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
# From so many days before the end on the bank's statements are read in; before, somebody typed transfers in.
STATEMENTS = 30
# What the liveliest company, the visitor's, was billed within these days is left for the visitor to pay.
LEFT_OPEN = 3
Method, Product = Payment.Method, Payment.Product
CODES = {
    "wechat": (Method.WECHAT, Product.QR),
    "alipay": (Method.ALIPAY, Product.QR),
    "alipay-page": (Method.ALIPAY, Product.PAGE),
}
MAIL_TAKES = timedelta(minutes=5)
AGREEMENT = (
    "我公司授权：通过{provider}从我公司账户扣除每张账单的金额，每次不超过 ¥{single}，每月不超过 ¥{month}；"
    "每次扣款至少提前五天通知，不超过通知的最高数；随时可以一键撤回，撤回后不再扣款。"
)


@dataclass(slots=True)
class Till:
    """Where money comes in: the simulated providers, and the clock that they go by."""

    now: datetime
    by: User
    moment: datetime
    simulation: Simulation = field(default_factory=Simulation)

    def __post_init__(self) -> None:
        self.simulation.clock = lambda: self.moment

    @property
    def today(self) -> date:
        """Return the last day of the year that is told."""
        return self.now.astimezone(ZONE).date()


def sign(customer: Customer, tenant: Tenant, seller: Seller, *, at: datetime) -> None:
    """Let a customer agree to deductions, and sign at his provider."""
    owner = tenant.members.get(role="owner").user
    name = {"wechat": "微信支付", "alipay": "支付宝"}[customer.mandate]
    offered = mandates.offer(
        tenant,
        seller=seller,
        provider=customer.mandate,
        text=AGREEMENT.format(provider=name, single=f"{customer.at_most:,}.00", month=f"{2 * customer.at_most:,}.00"),
        text_version="demo-1",
        single_minor=customer.at_most * 100,
        per_month_minor=customer.at_most * 200,
        at=at,
        by=owner,
    )
    mandates.ask_one(mandates.sign(offered, at=at), at=at)


def announce(at: datetime) -> None:
    """Announce the deductions of the week to come; the mails arrive in some minutes."""
    announcing.announce(at=at)
    for notice in ChargeNotice.objects.filter(delivered_at=None, total_minor__gt=0):
        announcing.delivered(notice, at=at + MAIL_TAKES)


def afternoon(till: Till, at: datetime) -> None:
    """Do what a site does all day long: debit, ask, remind, and send what goes back; on the first, post what was earned."""
    till.moment = at
    pretelling.tell(at=at)
    debiting.debit(at=at)
    asking.ask(at=at)
    if at.astimezone(ZONE).weekday() == 0:  # a site asks daily; nobody ends his agreement here
        mandates.ask(at=at)
    dunning.dun(at=at)
    returning.send(at=at)
    if at.astimezone(ZONE).day == 1:
        earning.catch_up(at=at)


def take(till: Till, customers: Mapping[str, Customer], day: date) -> None:
    """Take what is paid on a day: most customers pay within a week, some late, one not lately."""
    three = datetime.combine(day, time(15), ZONE)
    transfers: list[tuple[Customer, Invoice, int]] = []
    for bill in Invoice.objects.open().filter(due_minor__gt=0).select_related("tenant", "seller").order_by("pk"):
        customer = customers[bill.tenant.code]
        if customer.mandate or pays_on(customer, bill, till) > day:
            continue
        if customer.way in CODES:
            _scan(till, customer, bill, three - _earlier(bill))
        elif day.weekday() < 5:
            transfers.append((customer, bill, _amount(customer, bill, till)))
    if day < till.today - STATEMENTS * DAY:
        for customer, bill, amount in transfers:
            _type_in(till, customer, bill, amount, three)
    elif day.weekday() < 5:
        _read_statements(till, day, transfers, three)


def pays_on(customer: Customer, bill: Invoice, till: Till) -> date:
    """Return the day on which a customer pays a bill."""
    assert bill.issued_at is not None
    issued = bill.issued_at.astimezone(ZONE).date()
    if customer.pays == "never" and issued >= months_before(till.today, customer.unpaid - 1):
        return till.today + DAY
    if customer.lively and issued >= till.today - LEFT_OPEN * DAY:
        return till.today + DAY
    chance = Random(f"{customer.code} {issued}")
    return issued + (chance.randrange(5, 24) if customer.pays == "late" else chance.randrange(1, 9)) * DAY


def _earlier(bill: Invoice) -> timedelta:
    return timedelta(minutes=crc32((bill.number or "").encode()) % 300)


def _amount(customer: Customer, bill: Invoice, till: Till) -> int:
    """Return what is transferred: in the month `overpaid` a round sum, the rest of which stays in the balance."""
    assert bill.issued_at is not None
    issued = bill.issued_at.astimezone(ZONE).date()
    if customer.overpaid and issued.replace(day=1) == months_before(till.today, customer.overpaid):
        return (bill.due_minor // 1000_00 + 1) * 1000_00
    return bill.due_minor


def _scan(till: Till, customer: Customer, bill: Invoice, at: datetime) -> None:
    """Let the customer's owner open a code and pay it; the provider is asked a minute later."""
    method, product = CODES[customer.way]
    owner = bill.tenant.members.get(role="owner").user
    till.moment = at
    wanted = paying.intend(
        bill.tenant,
        seller=bill.seller,
        currency=bill.currency,
        method=method,
        product=product,
        at=at,
        by=owner,
        bills={bill.pk: None},
    )
    begun = paying.begin(wanted, at=at)
    till.moment = at + timedelta(minutes=1)
    asking.ask(at=till.moment, payments=[begun])


def _reference(bill: Invoice, day: date) -> str:
    return f"{day:%Y%m%d}{crc32((bill.number or '').encode()) % 10**8:08d}"


def _type_in(till: Till, customer: Customer, bill: Invoice, amount: int, at: datetime) -> None:
    payments.receive_transfer(
        bill.tenant,
        seller=bill.seller,
        amount=Money(amount, bill.currency),
        reference=_reference(bill, at.astimezone(ZONE).date()),
        received_at=at - _earlier(bill),
        at=at,
        by=till.by,
        payer_name=bill.tenant.name,
        allocate={bill.pk: bill.due_minor},
    )


def _read_statements(till: Till, day: date, transfers: list[tuple[Customer, Invoice, int]], at: datetime) -> None:
    """Read in what the bank says of a day: everybody writes his code or the bill's number, and is found by it."""
    rows: dict[Seller, list[banking.Row]] = {}
    for customer, bill, amount in transfers:
        remark = banking.code(bill.tenant, bill.seller, at=at) if customer.way == "code" else f"付账单 {bill.number}"
        row = banking.Row(_reference(bill, day), at - _earlier(bill), amount, bill.tenant.name, remark)
        rows.setdefault(bill.seller, []).append(row)
    for seller, row in banking.strays(till.today, day):
        rows.setdefault(seller, []).append(row)
    for seller, mine in rows.items():
        taking_in.read(
            banking.statement(mine), name=f"{seller.code}-{day:%Y%m%d}.csv", seller=seller, at=at, by=till.by
        )
    matching.match_waiting(at=at)
