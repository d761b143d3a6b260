"""Let a year go by: a clock that moves day by day, and on each day what would really happen, by the real verbs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from time import monotonic_ns
from zoneinfo import ZoneInfo

from billing import subscriptions
from billing.models import Subscription
from invoices import crediting, run
from invoices.demo import acting, opening, paying, promising
from invoices.demo.happening import uses
from invoices.demo.reading import Customer, months_before
from invoices.models import Invoice
from tenants.models import Tenant, User
from usage import ingest

ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
TELL_EVERY = 7  # days; a company's own program tells its usage at least once a week
CREDITED = "muhe"  # of whom test messages were billed by mistake
Progress = Callable[[date, int, int], None]


@dataclass(slots=True)
class World:
    """The customers, and up to when each has told its usage."""

    customers: Sequence[Customer]
    now: datetime
    by: User
    till: paying.Till
    told: dict[str, date] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    by_code: dict[str, Customer] = field(init=False)

    def __post_init__(self) -> None:
        self.by_code = {customer.code: customer for customer in self.customers}


def live(world: World, *, first: date, progress: Progress) -> None:
    """Walk from `first` to now. Each day: usage, the billing run, new customers, what is paid, and what goes wrong."""
    today = world.now.astimezone(ZONE).date()
    days = (today - first).days + 1
    for number in range(days):
        day = first + number * DAY
        _one_day(world, day, number)
        progress(day, number + 1, days)
    _tell(world, list(world.tenants), world.now)


def _one_day(world: World, day: date, number: int) -> None:
    morning = min(_at(day, 0, 40), world.now)
    due = Subscription.objects.due(morning).values_list("tenant__code", flat=True)
    weekly = [code for place, code in enumerate(world.tenants) if (place + number) % TELL_EVERY == 0]
    _tell(world, sorted({*due, *weekly}), _at(day, 0) - timedelta(minutes=1))
    paying.announce(morning)
    run.bill(at=morning, clock=_clock(morning))
    _welcome(world, day)
    if _at(day, 16) <= world.now:
        acting.act(world.till, world.tenants, day)
        promising.act(world.till, world.tenants, day)
        paying.take(world.till, world.by_code, day)
        _stop_renewals(world, day)
        _credit(world, day)
        paying.afternoon(world.till, _at(day, 16))
        promising.watch(world.till, _at(day, 16))


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), ZONE)


def _clock(moment: datetime) -> Callable[[], datetime]:
    """Return a clock that stands at `moment` now and goes on from there, so that a run's record has its true length."""
    begun = monotonic_ns()
    return lambda: moment + timedelta(microseconds=(monotonic_ns() - begun) // 1000)


def _welcome(world: World, day: date) -> None:
    coming = [customer for customer in world.customers if customer.start == day]
    nine = _at(day, 9)
    if not coming or nine > world.now:
        return
    started = opening.welcome(coming, at=nine, by=world.by)
    world.tenants |= {row.tenant.code: row.tenant for row in started}
    soon = nine + timedelta(minutes=5)
    run.bill(at=soon, clock=_clock(soon), tenants=[row.tenant_id for row in started])


def _tell(world: World, codes: Sequence[str], until: datetime) -> None:
    """Let these customers tell what they used since they last did."""
    for code in codes:
        customer = world.by_code[code]
        events = uses(customer, world.told.get(code, customer.start), until)
        world.told[code] = until.astimezone(ZoneInfo(customer.zone)).date()
        if until.astimezone(ZoneInfo(customer.zone)).time() >= time(23, 59):
            world.told[code] += DAY
        batch = [event | {"occurred_at": event["occurred_at"].isoformat()} for event in events]
        for start in range(0, len(batch), 1000):
            answers = ingest.accept(world.tenants[code], batch[start : start + 1000], at=until)
            if refused := [answer for answer in answers if answer.status == "refused"]:
                raise ValueError(f"{code}: {refused[0]}")


def _stop_renewals(world: World, day: date) -> None:
    today = world.now.astimezone(ZONE).date()
    for customer in world.customers:
        if customer.stopped is not None and today - customer.stopped * DAY == day:
            rows = Subscription.objects.live().filter(tenant__code=customer.code)
            for row in rows:
                owner = row.tenant.members.get(role="owner").user
                subscriptions.stop_renewing(row, at=_at(day, 14), by=owner)


def _credit(world: World, day: date) -> None:
    """Answer a complaint: 720 test messages of the month before last are credited on the 9th of last month."""
    today = world.now.astimezone(ZONE).date()
    if CREDITED not in world.tenants or day != months_before(today, 1) + 8 * DAY:
        return
    mine = Invoice.objects.issued().filter(tenant=world.tenants[CREDITED])
    # Of one line both, so in one filter.
    bill = mine.filter(lines__code="messages", lines__gross_minor__gte=36_00).order_by("-issued_at").first()
    if bill is None:
        return
    line = bill.lines.get(code="messages")
    crediting.credit(
        bill, reason="测试消息 720 条不应计费，已核对群发记录。", at=_at(day, 15), by=world.by, amounts={line.pk: 36_00}
    )
