"""The customers' pages. A company's pages lie below /c/<its code>/, so that an address can be sent to a colleague."""

from django.urls import include, path

from invoices.views import actions, changing, downloads, portal, quotes, start, wallet

app_name = "portal"

company = [
    path("", portal.overview, name="overview"),
    path("brand.css", downloads.brand_css, name="brand_css"),
    path("bills/", portal.bills, name="bills"),
    path("bills.csv", downloads.bills_csv, name="bills_csv"),
    path("bills/<int:pk>/", portal.bill, name="bill"),
    path("bills/<int:pk>.csv", downloads.bill_csv, name="bill_csv"),
    path("bills/<int:pk>/<str:language>.pdf", downloads.bill_pdf, name="bill_pdf"),
    path("credits/<int:pk>/<str:language>.pdf", downloads.credit_pdf, name="credit_pdf"),
    path("bills/<int:pk>/lines/<int:line>/again/", downloads.recompute, name="recompute"),
    path("usage/", portal.usage, name="usage"),
    path("usage/events/", portal.events, name="events"),
    path("usage/events.csv", downloads.events_csv, name="events_csv"),
    path("subscription/", portal.subscription, name="subscription"),
    path("subscription/packs/", portal.packs, name="packs"),
    path("quotes/", quotes.quotes, name="quotes"),
    path("quotes/<int:pk>/", quotes.quote, name="quote"),
    path("quotes/<int:pk>/accept/", quotes.quote_accept, name="quote_accept"),
    path("quotes/<int:pk>/decline/", quotes.quote_decline, name="quote_decline"),
    path("quotes/<int:pk>/<str:language>.pdf", quotes.quote_pdf, name="quote_pdf"),
    path("subscription/history/", portal.history, name="history"),
    path("subscription/<int:pk>/plans/", changing.plans_of, name="plans"),
    path("subscription/<int:pk>/options/", changing.options_of, name="options"),
    path("subscription/<int:pk>/change/", changing.change, name="change"),
    path("subscription/<int:pk>/renewal/", actions.renewal, name="renewal"),
    path("subscription/<int:pk>/renewal/off/", actions.renewal_off, name="renewal_off"),
    path("subscription/<int:pk>/renewal/restore/", actions.renewal_restore, name="renewal_restore"),
    path("payments/", portal.payments, name="payments"),
    path("wallet/", wallet.wallet, name="wallet"),
    path("wallet/bills/<int:pk>/pay/", wallet.pay_bill, name="pay_bill"),
    path("deductions/<int:pk>/", wallet.deduction, name="deduction"),
    path("controls/", portal.controls, name="controls"),
    path("controls/prices/", portal.costs, name="costs"),
    path("controls/<int:pk>/withdraw/", actions.withdraw, name="withdraw"),
    path("settings/", portal.settings, name="settings"),
    path("settings/language/", actions.language, name="language"),
    path("settings/contacts/new/", actions.new_contact, name="new_contact"),
    path("settings/contacts/<int:pk>/", actions.contact, name="contact"),
    path("settings/log/", portal.log, name="log"),
    path("help/", portal.help_page, name="help"),
]

urlpatterns = [
    path("", start.start, name="start"),
    path("appearance/", start.appearance, name="appearance"),
    path("c/<str:company>/", include(company)),
]
