"""The pages that show."""

from __future__ import annotations

from django.http import HttpRequest

from invoices.pages import bill as bill_page
from invoices.pages import bills as bills_page
from invoices.pages import controls as controls_page
from invoices.pages import overview as overview_page
from invoices.pages import packs as packs_page
from invoices.pages import payments as payments_page
from invoices.pages import settings as settings_page
from invoices.pages import subscription as subscription_page
from invoices.pages import usage as usage_page
from invoices.pages.visit import Visit
from invoices.views.visits import page


@page("portal/overview.html", "overview")
def overview(visit: Visit, request: HttpRequest) -> overview_page.OverviewPage:
    return overview_page.overview(visit)


@page("portal/bills.html", "bills", "bills")
def bills(visit: Visit, request: HttpRequest) -> bills_page.BillsPage:
    return bills_page.bills(visit, request.GET)


@page("portal/bill.html", "bills", chart=True)
def bill(visit: Visit, request: HttpRequest, pk: int) -> bill_page.BillPage:
    return bill_page.page(visit, pk)


@page("portal/usage.html", "usage", "usage", chart=True)
def usage(visit: Visit, request: HttpRequest) -> usage_page.UsagePage:
    return usage_page.page(visit, request.GET)


@page("portal/events.html", "usage", "events")
def events(visit: Visit, request: HttpRequest) -> usage_page.EventsPage:
    return usage_page.events(visit, request.GET)


@page("portal/subscription.html", "subscription", "subscription")
def subscription(visit: Visit, request: HttpRequest) -> subscription_page.SubscriptionPage:
    return subscription_page.page(visit)


@page("portal/packs.html", "subscription", "packs")
def packs(visit: Visit, request: HttpRequest) -> packs_page.PacksPage:
    return packs_page.page(visit)


@page("portal/history.html", "subscription", "history")
def history(visit: Visit, request: HttpRequest) -> subscription_page.HistoryPage:
    return subscription_page.history(visit)


@page("portal/payments.html", "payments", "payments")
def payments(visit: Visit, request: HttpRequest) -> payments_page.PaymentsPage:
    return payments_page.page(visit)


@page("portal/controls.html", "controls", "controls")
def controls(visit: Visit, request: HttpRequest) -> controls_page.AuthorisationsPage:
    return controls_page.authorisations(visit, withdrawn="withdrawn" in request.GET)


@page("portal/costs.html", "controls", "costs")
def costs(visit: Visit, request: HttpRequest) -> controls_page.CostsPage:
    return controls_page.costs(visit)


@page("portal/settings.html", "settings", "settings")
def settings(visit: Visit, request: HttpRequest) -> settings_page.SettingsPage:
    return settings_page.page(visit)


@page("portal/log.html", "settings", "log")
def log(visit: Visit, request: HttpRequest) -> settings_page.trail.TrailPage:
    return settings_page.log(visit, request.GET)


@page("portal/help.html", "help")
def help_page(visit: Visit, request: HttpRequest) -> settings_page.HelpPage:
    return settings_page.help_page(visit)
