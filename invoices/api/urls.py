from django.urls import path, re_path

from invoices.api import bills, changes, credits, payments, quotes, rehearsals, wallets
from tenants.validators import CODE

NUMBER = rf"(?P<number>{CODE.strip('^$')})"

urlpatterns = [
    path("invoices", bills.Invoices.as_view(), name="invoices"),
    re_path(rf"^invoices/{NUMBER}/pdf$", bills.InvoicePdf.as_view(), name="invoice-pdf"),
    re_path(rf"^invoices/{NUMBER}$", bills.OneInvoice.as_view(), name="invoice"),
    re_path(rf"^invoices/{NUMBER}/pay$", wallets.Pay.as_view(), name="invoice-pay"),
    path("wallet", wallets.OneWallet.as_view(), name="wallet"),
    path("wallet/statement", wallets.Statement.as_view(), name="wallet-statement"),
    path("credit-notes", credits.CreditNotes.as_view(), name="credit-notes"),
    re_path(rf"^credit-notes/{NUMBER}$", credits.OneCreditNote.as_view(), name="credit-note"),
    path("quotes", quotes.Quotes.as_view(), name="quotes"),
    path("quotes/<int:pk>", quotes.OneQuote.as_view(), name="quote"),
    path("quotes/<int:pk>/send", quotes.Send.as_view(), name="quote-send"),
    path("quotes/<int:pk>/withdraw", quotes.Withdraw.as_view(), name="quote-withdraw"),
    path("quotes/<int:pk>/accept", quotes.Accept.as_view(), name="quote-accept"),
    path("quotes/<int:pk>/decline", quotes.Decline.as_view(), name="quote-decline"),
    path("subscriptions/<int:pk>/changes", changes.Changes.as_view(), name="subscription-changes"),
    path("subscriptions/<int:pk>/previews", changes.Previews.as_view(), name="subscription-previews"),
    path("rehearsals", rehearsals.Rehearsals.as_view(), name="rehearsals"),
    path("payments", payments.Payments.as_view(), name="payments"),
]
