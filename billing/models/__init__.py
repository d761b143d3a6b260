from billing.models.catalogue import Family, Plan, PlanVersion, Price, PriceList, PriceListEntry
from billing.models.charges import BillingPeriod, Charge
from billing.models.ledger import Account, LedgerTransaction, Posting
from billing.models.subscriptions import Acceptance, NegotiatedPrice, Subscription, SubscriptionItem

__all__ = [
    "Acceptance",
    "Account",
    "BillingPeriod",
    "Charge",
    "Family",
    "LedgerTransaction",
    "NegotiatedPrice",
    "Plan",
    "PlanVersion",
    "Posting",
    "Price",
    "PriceList",
    "PriceListEntry",
    "Subscription",
    "SubscriptionItem",
]
