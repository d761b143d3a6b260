from django.urls import path

from billing.api import budgets, coupons, moving, plans, rate, subscriptions

urlpatterns = [
    path("plans", plans.Plans.as_view(), name="plans"),
    path("plans/<int:pk>", plans.OnePlan.as_view(), name="plan"),
    path("plans/<str:code>/migrations", moving.Migrations.as_view(), name="plan-migrations"),
    path("plans/<str:code>/migrations/previews", moving.Previews.as_view(), name="plan-migration-previews"),
    path("coupons", coupons.Coupons.as_view(), name="coupons"),
    path("subscriptions/<int:pk>/coupons", coupons.Redeem.as_view(), name="subscription-coupons"),
    path("budgets", budgets.Budgets.as_view(), name="budgets"),
    path("budgets/<int:pk>", budgets.OneBudget.as_view(), name="budget"),
    path("budgets/<int:pk>/release", budgets.Release.as_view(), name="budget-release"),
    path("entitlements", budgets.Entitlements.as_view(), name="entitlements"),
    path("subscriptions", subscriptions.Subscriptions.as_view(), name="subscriptions"),
    path("subscriptions/<int:pk>", subscriptions.OneSubscription.as_view(), name="subscription"),
    path("subscriptions/<int:pk>/auto-renew", subscriptions.Renewal.as_view(), name="subscription-auto-renew"),
    path("subscriptions/<int:pk>/end", subscriptions.End.as_view(), name="subscription-end"),
    path("rate", rate.Rate.as_view(), name="rate"),
]
