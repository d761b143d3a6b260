"""The banner: the next thing about money, its first sentence, and the button that changes or stops it (PAGES §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from babel.dates import format_date
from django.utils.translation import gettext as _

from billing import formatting, wallets
from billing.models import Subscription
from billing.money import Money
from invoices.models import BillHold, ChargeNotice, Dispute, Invoice, ServiceLoss
from invoices.pages import titles
from invoices.pages.coming import next_day
from invoices.pages.visit import Visit
from invoices.pages.wording import Part, amount, joined, parts
from tenants.models import Authorisation, Member, Tenant

NOTICE_DAYS = 7


@dataclass(frozen=True)
class Leaf:
    """The calendar leaf: month, day, weekday."""

    month: str
    day: str
    weekday: str


@dataclass(frozen=True)
class Button:
    """What a member who may do it is offered."""

    name: str
    address: str


@dataclass(frozen=True)
class Banner:
    """`colour` is a token of the state colours, empty for neutral; a viewer has no buttons."""

    colour: str
    first: tuple[Part, ...]
    second: str
    buttons: tuple[Button, ...]
    leaf: Leaf | None
    full: bool


@dataclass(frozen=True)
class Said:
    """A banner's state before it is dressed."""

    sentence: str
    second: str
    buttons: tuple[Button, ...]
    colour: str = ""
    day: date | None = None


def banner(visit: Visit, *, full: bool) -> Banner:
    """Return the first state that applies; the most urgent are asked first."""
    said = next(found for rule in RULES if (found := rule(visit)))
    buttons = said.buttons if visit.member.may_pay else ()
    second = said.second if visit.member.may_pay else f"{said.second} {managed_by(visit)}".strip()
    return Banner(said.colour, parts(said.sentence), second, buttons, leaf(said.day, visit.language), full)


def leaf(day: date | None, language: str) -> Leaf | None:
    if day is None:
        return None
    locale = "zh" if formatting.is_chinese(language) else "en"
    return Leaf(format_date(day, "LLL", locale), str(day.day), format_date(day, "EEE", locale))


def managed_by(visit: Visit) -> str:
    """Return who may do what the button does, for somebody who may not."""
    payers = Member.objects.filter(tenant=visit.tenant, role__in=Member.MAY_PAY).select_related("user").order_by("pk")
    names = _(", ").join(str(member.user) for member in payers[:3])
    return _("Managed by %(names)s.") % {"names": names} if names else ""


def live(visit: Visit) -> list[Subscription]:
    found = Subscription.objects.filter(tenant=visit.tenant).live().select_related("plan", "payer", "seller")
    return sorted(found, key=lambda row: row.term_end_on)


def spoken(visit: Visit, day: date) -> str:
    """Return a day for a sentence, with its year when that is not this one."""
    return formatting.day(day, visit.language, "sentence" if day.year == visit.today.year else "weekday")


def withheld(visit: Visit) -> Said | None:
    """The service is restricted or suspended: why, and what gives it back."""
    if visit.tenant.status not in (Tenant.Status.RESTRICTED, Tenant.Status.SUSPENDED):
        return None
    suspended = visit.tenant.status == Tenant.Status.SUSPENDED
    loss = ServiceLoss.objects.filter(tenant=visit.tenant, lifted_at=None).order_by("pk").last()
    if loss is None:
        sentence = _("**Your service is suspended.**") if suspended else _("**Your service is restricted.**")
        return Said(sentence, _("Please call us: no payment changes this by itself."), (), "danger")
    sentence = _("**Your service is restricted** since %(day)s, because a bill was not paid.")
    if suspended:
        sentence = _("**Your service is suspended** since %(day)s, because a bill was not paid.")
    sentence %= {"day": spoken(visit, loss.at.astimezone(visit.zone).date())}
    # Of a parent company that pays, this one sees no bill.
    bill = Invoice.objects.filter(pk=loss.invoice_id, tenant=visit.tenant).first()
    second = _("It works again at once when nothing is overdue any more.")
    if bill is None:
        return Said(sentence, _("Your parent company pays it.") + " " + second, (), "danger")
    told = {"number": bill.number, "due": formatting.money(bill.due_minor, bill.currency)}
    second = _("%(due)s is still to pay for bill %(number)s.") % told + " " + second
    return Said(sentence, second, (Button(_("Pay"), visit.to_pay(bill.pk)),), "danger")


def unpaid(visit: Visit) -> Said | None:
    """A bill to be paid by hand: amber until its day, red after it."""
    open_bills = list(
        Invoice.objects.filter(tenant=visit.tenant).claimable().order_by("due_on", "id").prefetch_related("lines")
    )
    if not open_bills:
        return None
    bill = open_bills[0]
    assert bill.payable_on is not None
    said = {
        "bill": titles.bill(bill, list(bill.lines.all()), visit.today, visit.language),
        "amount": amount(Money(bill.claimable_minor, bill.currency)),
        "day": spoken(visit, bill.payable_on),
        "more": len(open_bills) - 1,
    }
    late = bill.payable_on < visit.today
    sentence = (
        _("**%(bill)s: %(amount)s still to pay.** It was due on %(day)s.")
        if late
        else _("Please pay **%(amount)s** for the %(bill)s by %(day)s.")
    )
    second = _("We take nothing by ourselves: you pay it yourself.")
    if bill.pays == Subscription.Pays.WALLET:
        second = _("It is paid by itself once it may be and your balance is high enough; or pay it yourself.")
    if len(open_bills) > 1:
        second = _("%(more)s more to pay after it.") % said + " " + second
    buttons = (Button(_("Pay"), visit.to_pay(bill.pk)),)
    return Said(sentence % said, second, buttons, "danger" if late else "attention", bill.payable_on)


def disputed(visit: Visit) -> Said | None:
    """Something of a bill is in dispute: it is frozen, and what else is taken goes on as announced."""
    rows = Dispute.objects.filter(tenant=visit.tenant).live().select_related("invoice").order_by("answer_due_on", "pk")
    frozen: dict[str, int] = {}
    for bill in {row.invoice_id: row.invoice for row in rows}.values():
        frozen[bill.currency] = frozen.get(bill.currency, 0) + bill.frozen_minor
    sums = [amount(Money(minor, currency)) for currency, minor in frozen.items() if minor]
    if not sums:
        return None
    said = {"frozen": joined(sums), "day": spoken(visit, rows[0].answer_due_on)}
    buttons = (Button(_("See the dispute"), visit.to("dispute", rows[0].pk)),)
    second = _("We answer by %(day)s.") % said
    ahead = announced(visit)
    if ahead is None:
        return Said(_("**%(frozen)s** in dispute is frozen and is not taken.") % said, second, buttons, "stopped")
    sentence = ahead.sentence + _(" **%(frozen)s** in dispute is frozen and is not taken.") % said
    return Said(sentence, second, (*buttons, *ahead.buttons[:1]), "stopped", ahead.day)


def held_for_you(visit: Visit) -> Said | None:
    """A bill was stopped because it is far above the usual: nothing is taken until somebody agrees."""
    hold = BillHold.objects.live().filter(tenant=visit.tenant, invoice__isnull=False).order_by("held_at").first()
    if hold is None:
        return None
    whole = next((one for one in reversed(hold.reasons)), None)
    above = whole["amount_minor"] - whole["usual_minor"] if whole else 0
    said = {
        "total": amount(Money(hold.total_minor, hold.currency)),
        "above": amount(Money(above, hold.currency)),
    }
    sentence = _(
        "**Stopped, nothing was taken.** This bill of %(total)s is %(above)s above your usual; it needs your yes."
    )
    second = _("We are told too. Your service goes on.")
    return Said(sentence % said, second, (Button(_("See why"), visit.to("held", hold.pk)),), "stopped", hold.charge_on)


def parent_pays(visit: Visit) -> Said | None:
    if visit.tenant.parent is None:
        return None
    named = {"company": visit.tenant.parent.name_in(visit.language)}
    sentence = _("Paid by your parent company %(company)s: nothing is deducted from you.") % named
    return Said(
        sentence,
        _("You see your own use and prices here; its pages show the bills."),
        (Button(_("See the subscription"), visit.to("subscription")),),
    )


def trial(visit: Visit) -> Said | None:
    trials = [row for row in live(visit) if row.status == Subscription.Status.TRIALING and row.trial_end_on]
    if not trials or trials[0].trial_end_on is None:
        return None
    last = trials[0].trial_end_on - timedelta(days=1)
    sentence = _("The trial lasts until %(day)s; nothing is deducted at its end.") % {"day": spoken(visit, last)}
    second = _("To go on, you start the plan yourself.")
    return Said(sentence, second, (Button(_("See the prices"), visit.to("costs")),), day=last)


def automatic(visit: Visit) -> list[Subscription]:
    """Return the subscriptions that were set to be paid by themselves."""
    return [row for row in live(visit) if row.pays != Subscription.Pays.MANUAL]


def withdrawn(visit: Visit) -> Said | None:
    """Deduction was agreed to once and is no more: say until when the service runs."""
    rows = automatic(visit)
    given = Authorisation.objects.filter(tenant=visit.tenant)
    if not rows or given.in_force().exists():
        return None
    last = given.order_by("-withdrawn_at").first()
    until = {"until": spoken(visit, titles.last_day(rows[0].end_on or rows[0].term_end_on))}
    second = _("In use until %(until)s; to go on after that, please pay by hand.") % until
    buttons = (Button(_("Authorise again"), visit.to("subscription")),)
    if last is None or last.withdrawn_at is None:
        return Said(_("Nothing is deducted by itself: there is no authorisation."), second, buttons)
    day = spoken(visit, last.withdrawn_at.astimezone(visit.zone).date())
    return Said(
        _("You have withdrawn the authorisation (%(day)s). Nothing is deducted by itself.") % {"day": day},
        second,
        buttons,
    )


def stopped(visit: Visit) -> Said | None:
    """Automatic renewal is off: nothing follows the term's end."""
    rows = live(visit)
    if not rows or any(row.auto_renew for row in rows):
        return None
    last = titles.last_day(rows[0].end_on or rows[0].term_end_on)
    sentence = _("Automatic renewal is off. In use until %(day)s; nothing is charged for the time after.")
    second = _("Your data stays, and you can export it at any time.")
    if final := next_day(visit):
        second = (
            _("What is used until then comes on a last bill on %(day)s.") % {"day": spoken(visit, final)} + " " + second
        )
    return Said(
        sentence % {"day": spoken(visit, last)},
        second,
        (Button(_("Subscription"), visit.to("subscription")),),
        day=last,
    )


def announced(visit: Visit) -> Said | None:
    """The next deduction that has reached the customer: the most that is taken, and whether the balance is high enough."""
    mine = ChargeNotice.objects.filter(tenant=visit.tenant, charge_at__gt=visit.at, total_minor__gt=0)
    following = mine.order_by("charge_at", "due_on", "-version").first()
    if following is None or following.charge_at is None:
        return None
    day = following.charge_at.astimezone(visit.zone).date()
    said = {
        "day": spoken(visit, day),
        "total": amount(Money(following.total_minor, following.currency)),
        "fixed": amount(Money(following.renewal_minor, following.currency)),
        "usage": amount(Money(following.ceiling_minor, following.currency)),
        "before": spoken(visit, day - timedelta(days=1)),
    }
    buttons = (Button(_("Change or stop"), visit.to("subscription")), Button(_("Balance"), visit.to("wallet")))
    second = _("The notice is here: more than it says is never taken, and never a part.")
    missing = following.total_minor - held(visit, following)
    said["missing"] = amount(Money(missing, following.currency))
    if missing > 0 and following.pays == Subscription.Pays.WALLET:
        sentence = _(
            "On **%(day)s** at most **%(total)s** is taken; your balance is %(missing)s short. Please top up by %(before)s."
        )
        return Said(sentence % said, second, buttons, "attention", day)
    sentence = _("On **%(day)s** we will take **at most %(total)s** from your balance: %(fixed)s is fixed.")
    if following.of == ChargeNotice.Of.RENEWAL and following.ceiling_minor:
        sentence = _(
            "On **%(day)s** we will take **at most %(total)s** from your balance: %(fixed)s is fixed, usage is at most %(usage)s."
        )
    elif following.of == ChargeNotice.Of.BILL:
        sentence = _("On **%(day)s** we will take **at most %(total)s** from your balance.")
    return Said(sentence % said, second, buttons, day=day)


def held(visit: Visit, notice: ChargeNotice) -> int:
    """Return what the balance holds that a deduction would be taken from."""
    return wallets.balance(visit.tenant, notice.seller, notice.currency).total


def planned(visit: Visit) -> Said | None:
    """A deduction that is expected and not yet announced."""
    rows = [row for row in automatic(visit) if row.auto_renew]
    if not rows:
        return None
    day = next_day(visit) or rows[0].term_end_on
    said = {"day": spoken(visit, day), "notice": spoken(visit, day - timedelta(days=NOTICE_DAYS))}
    sentence = _(
        "A deduction is expected on **%(day)s**. The notice arrives on %(notice)s; without it, nothing is taken."
    )
    second = _("The notice says the most that can be taken, line by line. You can stop it at any time.")
    return Said(sentence % said, second, (Button(_("Change or stop"), visit.to("subscription")),), day=day)


def by_hand(visit: Visit) -> Said | None:
    """The next bill comes by itself, its payment does not."""
    rows = [row for row in live(visit) if row.auto_renew]
    if not rows:
        return None
    day = next_day(visit) or rows[0].term_end_on
    sentence = _("Nothing is deducted by itself. The next bill comes on **%(day)s**; you pay it yourself.")
    second = _("Without your authorisation we take no money.")
    return Said(
        sentence % {"day": spoken(visit, day)},
        second,
        (Button(_("Change or stop"), visit.to("subscription")),),
        day=day,
    )


def none(visit: Visit) -> Said | None:
    sentence = _("There is no automatic deduction. Without your authorisation we take no money.")
    return Said(sentence, "", (Button(_("Controls"), visit.to("controls")),))


RULES: tuple[Callable[[Visit], Said | None], ...] = (
    withheld,
    held_for_you,
    unpaid,
    disputed,
    parent_pays,
    trial,
    withdrawn,
    announced,
    stopped,
    planned,
    by_hand,
    none,
)
