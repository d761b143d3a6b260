from billing.models.budgets import Budget, BudgetRelease
from billing.models.catalogue import Family, Plan, PlanVersion, Price, PriceList, PriceListEntry
from billing.models.changes import Change, ChargeCredit, FormerTerms, PriceMigration, WayBack
from billing.models.charges import BillingPeriod, Charge
from billing.models.discounts import AppliedDiscount, Coupon, Redemption
from billing.models.ledger import Account, LedgerSeal, LedgerTransaction, Posting
from billing.models.packs import Pack, PackUse
from billing.models.subscriptions import Acceptance, NegotiatedPrice, Subscription, SubscriptionItem
from billing.models.wallets import LotUse, TopUp, Wallet, WalletLot

__all__ = [
    "Acceptance",
    "Account",
    "AppliedDiscount",
    "BillingPeriod",
    "Budget",
    "BudgetRelease",
    "Change",
    "Charge",
    "ChargeCredit",
    "Coupon",
    "Family",
    "FormerTerms",
    "LedgerSeal",
    "LedgerTransaction",
    "LotUse",
    "NegotiatedPrice",
    "Pack",
    "PackUse",
    "Plan",
    "PlanVersion",
    "Posting",
    "Price",
    "PriceList",
    "PriceListEntry",
    "PriceMigration",
    "Redemption",
    "Subscription",
    "SubscriptionItem",
    "TopUp",
    "Wallet",
    "WalletLot",
    "WayBack",
]
