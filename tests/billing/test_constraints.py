"""Every rule of the tables of `billing` is held by the database itself: a row that breaks it is refused by its name."""

import pytest

from tests.rows import Break, below_zero, broken, furnish

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# A second draft is refused of itself, so rules of a version are tried on a published one.
SOLD = {"number": "9", "status": "'published'", "sha256": "'-'", "published_at": "now()"}
BREAKS: list[Break] = [
    ("family_code_once_per_seller", "billing_family", {}),
    ("plan_code_once_per_seller", "billing_plan", {}),
    ("version_number_once_per_plan", "billing_planversion", SOLD | {"number": "1"}),
    ("version_one_draft_per_plan", "billing_planversion", {"number": "9"}),
    ("version_status_known", "billing_planversion", SOLD | {"status": "'lost'"}),
    ("version_interval_known", "billing_planversion", SOLD | {"interval": "'hour'"}),
    ("version_term_known", "billing_planversion", SOLD | {"term": "'hour'"}),
    ("version_alignment_known", "billing_planversion", SOLD | {"alignment": "'moon'"}),
    ("version_proration_known", "billing_planversion", SOLD | {"proration": "'hour'"}),
    ("version_refund_known", "billing_planversion", SOLD | {"refund": "'all'"}),
    ("version_currency_form", "billing_planversion", SOLD | {"currency": "'cny'"}),
    ("version_billing_day_range", "billing_planversion", SOLD | {"billing_day": "32"}),
    ("version_minimum_not_negative", "billing_planversion", SOLD | {"minimum_minor": "-1"}),
    ("version_published_is_sealed", "billing_planversion", SOLD | {"sha256": "''"}),
    *below_zero("billing_planversion", "number", "trial_days", "undo_hours", "billing_day"),
    ("price_code_once_per_version", "billing_price", {}),
    ("price_kind_known", "billing_price", {"kind": "'gift'"}),
    ("price_model_known", "billing_price", {"model": "'dice'"}),
    ("price_timing_known", "billing_price", {"timing": "'never'"}),
    ("price_interval_known", "billing_price", {"interval": "'hour'"}),
    ("price_of_usage_has_meter", "billing_price", {"kind": "'usage'"}),
    ("price_tax_rate_range", "billing_price", {"tax_rate": "1"}),
    *below_zero("billing_price", "position"),
    ("price_list_number_once", "billing_pricelist", {}),
    ("price_list_one_in_force", "billing_pricelist", {"number": "9", "status": "'published'"}),
    ("price_list_status_known", "billing_pricelist", {"number": "9", "status": "'lost'"}),
    *below_zero("billing_pricelist", "number"),
    ("list_entry_once", "billing_pricelistentry", {}),
    ("list_entry_model_known", "billing_pricelistentry", {"price_code": "'x'", "model": "'barter'"}),
    ("subscription_no_overlap", "billing_subscription", {}),
    ("subscription_status_known", "billing_subscription", {"status": "'lost'"}),
    ("subscription_pays_known", "billing_subscription", {"pays": "'gold'"}),
    ("subscription_currency_form", "billing_subscription", {"currency": "'cny'"}),
    ("subscription_renewal_has_consent", "billing_subscription", {"auto_renew": "true"}),
    ("subscription_ended_says_when", "billing_subscription", {"status": "'ended'"}),
    ("subscription_days_in_order", "billing_subscription", {"term_end_on": "term_start_on"}),
    ("subscription_alignment_known", "billing_subscription", {"alignment": "'moon'"}),
    ("subscription_billing_day_range", "billing_subscription", {"billing_day": "32"}),
    ("subscription_minimum_not_negative", "billing_subscription", {"minimum_minor": "-1"}),
    ("subscription_paused_says_when", "billing_subscription", {"status": "'paused'"}),
    *below_zero("billing_subscription", "terms_done", "billing_day"),
    ("change_kind_known", "billing_change", {"kind": "'whim'"}),
    ("change_status_known", "billing_change", {"status": "'lost'"}),
    ("change_settled_says_when", "billing_change", {"status": "'applied'", "settled_at": "NULL"}),
    ("change_of_plan_names_it", "billing_change", {"kind": "'plan'", "acceptance_id": "NULL"}),
    ("change_of_quantity_names_it", "billing_change", {"kind": "'quantity'", "price_id": "NULL"}),
    (
        "change_one_scheduled_per_kind",
        "billing_change",
        {"kind": "'cancel'", "status": "'scheduled'", "settled_at": "NULL"},
    ),
    ("former_terms_in_order", "billing_formerterms", {"change_id": "change_id + 1", "until": "since - interval '1 s'"}),
    ("former_terms_no_overlap", "billing_formerterms", {"change_id": "change_id + 1"}),
    ("charge_credit_once", "billing_chargecredit", {}),
    ("charge_credit_not_negative", "billing_chargecredit", {"amount_minor": "-1"}),
    ("charge_credit_of_another", "billing_chargecredit", {"credit_id": "charge_id"}),
    ("item_no_overlap", "billing_subscriptionitem", {}),
    ("item_quantity_not_negative", "billing_subscriptionitem", {"quantity": "-1"}),
    ("negotiated_price_once", "billing_negotiatedprice", {}),
    ("negotiated_price_model_known", "billing_negotiatedprice", {"price_id": "price_id + 1", "model": "'barter'"}),
    ("period_no_overlap", "billing_billingperiod", {"start": "start + interval '1 day'"}),
    ("period_ends_after_start", "billing_billingperiod", {"end": "start - interval '1 s'"}),
    ("period_inside_its_whole", "billing_billingperiod", {"whole_end": "\"end\" - interval '1 s'"}),
    ("period_interval_known", "billing_billingperiod", {"interval": "'hour'"}),
    ("charge_once", "billing_charge", {}),
    ("charge_reason_known", "billing_charge", {"reason": "'whim'"}),
    ("charge_currency_form", "billing_charge", {"currency": "'cny'"}),
    ("charge_days_in_order", "billing_charge", {"service_end_on": "service_start_on"}),
    ("account_once", "billing_account", {}),
    ("account_currency_form", "billing_account", {"currency": "'cny'"}),
    ("account_kind_known", "billing_account", {"kind": "'pocket'"}),
    ("ledger_source_booked_once", "billing_ledgertransaction", {}),
    ("ledger_currency_form", "billing_ledgertransaction", {"currency": "'cny'"}),
    ("posting_not_zero", "billing_posting", {"amount_minor": "0"}),
]


@pytest.mark.parametrize(("name", "table", "changes"), BREAKS, ids=[name for name, _table, _changes in BREAKS])
def test_the_database_refuses(name, table, changes):
    furnish()
    assert broken(table, changes) == name
