"""The last days of the demo's year are held against what banks and providers say, and closed where both agree."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from billing.money import Money
from invoices import reconciling
from invoices.demo.paying import ZONE, Till
from invoices.demo.reading import read
from invoices.models import ReconciledDay
from invoices.providers.port import Report, State
from tenants.models import Seller


def close_days(till: Till) -> None:
    """Fetch the providers' statements of the last days, one with a payment that is not ours; close the bank's days too."""
    till.moment = till.now
    _pay_unknown(till)
    reconciling.reconcile(at=till.now)
    agreed = ReconciledDay.objects.filter(state=ReconciledDay.State.AGREES).select_related("seller")
    for day in agreed.filter(day__lt=till.today).order_by("day", "pk"):
        reconciling.close(day, at=till.now, by=till.by)


def _pay_unknown(till: Till) -> None:
    for said in read("money")["unknown"]:
        gateway = till.simulation(Seller.objects.get(code=said["seller"]), said["provider"])
        at = datetime.combine(till.today - timedelta(days=said["days"]), time(11, 5), ZONE)
        number = f"SHOP{at:%Y%m%d}0001"
        minor = Money.of(said["amount"], "CNY").minor
        gateway.orders[number] = Report(State.SUCCEEDED, number, f"T{number}", minor, at)
