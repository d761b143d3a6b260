"""What operators do: each act calls the verb that everything else calls, and says what was done or why not."""

import re
from datetime import date

import pytest
from django.apps import apps
from django.urls import reverse

from billing.models import NegotiatedPrice, Subscription
from invoices.models import BillingRun, CreditNote, Invoice, Parked, Payment
from tenants.models import ApiKey, AuditEntry, Member, Notice, Tenant
from tests import shop
from tests.admin.conftest import staff

ENGLISH = {"accept-language": "en"}


def to(model: str, act: str, row=None) -> str:
    return reverse(f"admin:{model}_{act}", kwargs={"object_id": row.pk} if row else {})


def said(answer) -> str:
    return answer.content.decode()


def twice(desk, page: str, form: dict):
    """Send the form of an act with money, look at the figures, and confirm exactly that."""
    shown = desk.post(page, form, headers=ENGLISH)
    kept = dict(re.findall(r'name="(key|seen)" value="([^"]+)"', said(shown)))
    assert "seen" in kept, said(shown)
    return desk.post(page, form | kept, headers=ENGLISH)


@pytest.fixture
def fresh(world):
    """A customer without a subscription."""
    return shop.tenant("fresh")


def test_it_subscribes_with_seats_a_module_and_a_price_of_its_own(desk, world, fresh):
    base = world.version.prices.get(code="base")
    order = {"start_on": "2026-03-01", "pays": "manual", "count-seat": "5", "take-analytics": "on"}
    order |= {f"own-{base.pk}-use": "on", f"own-{base.pk}-model": "flat", f"own-{base.pk}-amount": "150"}
    answer = desk.post(f"{to('tenants_tenant', 'subscribe', fresh)}?version={world.version.pk}", order)
    assert answer.status_code == 302
    made = Subscription.objects.get(tenant=fresh)
    assert {i.price.code: int(i.quantity) for i in made.items.all()} == {"base": 1, "seat": 5, "analytics": 1}
    assert NegotiatedPrice.objects.get(subscription=made).params == {"amount": "150"}
    assert made.auto_renew is False


def test_it_shows_a_bad_price_of_its_own_at_its_field(desk, world, fresh):
    base = world.version.prices.get(code="base")
    order = {"start_on": "2026-03-01", "pays": "manual"}
    order |= {f"own-{base.pk}-use": "on", f"own-{base.pk}-model": "flat", f"own-{base.pk}-amount": "-1"}
    page = f"{to('tenants_tenant', 'subscribe', fresh)}?version={world.version.pk}"
    assert "A price cannot be below zero." in said(desk.post(page, order, headers=ENGLISH))
    assert not Subscription.objects.filter(tenant=fresh).exists()


def test_it_says_why_a_second_subscription_is_refused(desk, world):
    page = f"{to('tenants_tenant', 'subscribe', world.tenant)}?version={world.version.pk}"
    answer = desk.post(page, {"start_on": "2026-03-01", "pays": "manual"}, headers=ENGLISH)
    assert "already has a subscription of this product" in said(answer)


def test_it_bills_one_customer_now(desk, world, fresh):
    shop.subscribe(fresh, world.version, "2026-03-01")
    desk.post(to("tenants_tenant", "bill_now", fresh))
    # 199.00 for the month; the clock of the test stands months later, so every month since then is billed.
    assert shop.bills(fresh)[0].total_minor == 19900
    assert shop.bills(fresh)[0].lines.get(code="base").amount_minor == 19900


def test_it_books_a_transfer_on_the_bill_that_was_named(desk, world):
    bills = shop.bills(world.tenant)
    form = {"seller": world.seller.pk, "amount": "100.00", "reference": "ICBC-2", "received_on": "2026-03-02"}
    form |= {"reason": "没有对账单", f"allocate.{bills[1].pk}": "100.00"}
    twice(desk, to("tenants_tenant", "record_transfer", world.tenant), form)
    assert Payment.objects.get(reference="ICBC-2").allocations.get().invoice == bills[1]


def test_it_never_books_a_reference_twice(desk, world):
    form = {"seller": world.seller.pk, "amount": "1.00", "reference": "ICBC-1", "received_on": "2026-03-02"}
    form |= {"reason": "没有对账单"}
    answer = desk.post(to("tenants_tenant", "record_transfer", world.tenant), form, headers=ENGLISH)
    assert "was recorded before" in said(answer)
    assert Payment.objects.filter(reference="ICBC-1").count() == 1


def test_it_finds_the_payer_by_the_number_of_a_bill(desk, world):
    answer = desk.post(to("invoices_payment", "record_transfer"), {"tenant": world.bill.number})
    assert answer.url == to("tenants_tenant", "record_transfer", world.tenant)


def test_it_credits_a_part_of_a_line_and_needs_a_reason(desk, world):
    line = world.bill.lines.get(code="base")
    page, part = to("invoices_invoice", "credit", world.bill), {f"lines.{line.pk}": "9.00"}
    assert "This field is required" in said(desk.post(page, part, headers=ENGLISH))
    twice(desk, page, part | {"reason": "停机补偿"})
    assert CreditNote.objects.get(reason="停机补偿").total_minor == 900


def test_it_credits_no_more_than_is_left(desk, world):
    line = world.bill.lines.get(code="base")
    answer = desk.post(
        to("invoices_invoice", "credit", world.bill), {f"lines.{line.pk}": "9999.00", "reason": "x"}, headers=ENGLISH
    )
    assert "only what is left can be credited" in said(answer)


def test_it_takes_a_settled_customer_out_of_the_queue(desk, world):
    parked = Parked.objects.get()
    desk.post(to("invoices_parked", "resolve", parked))
    parked.refresh_from_db()
    assert parked.resolved_by.name == "Olivia"


def test_it_leaves_the_run_to_the_worker(desk, world):
    before = BillingRun.objects.count()
    answer = desk.post(to("invoices_billingrun", "bill_now"))
    assert answer.status_code == 302
    assert BillingRun.objects.count() == before


def test_it_shows_a_run_with_progress_and_the_parked(desk, world):
    run = Parked.objects.get().run
    text = said(desk.get(reverse("admin:invoices_billingrun_change", args=[run.pk])))
    assert 'role="progressbar"' in text
    assert "unreadable price" in text
    assert "data-refresh=" not in text
    BillingRun.objects.filter(pk=run.pk).update(status="running")
    assert 'data-refresh="3"' in said(desk.get(reverse("admin:invoices_billingrun_change", args=[run.pk])))


def test_it_sends_a_failed_notice_again(desk, world):
    notice = Notice.objects.filter(status="failed").first()
    desk.post(to("tenants_notice", "resend", notice))
    notice.refresh_from_db()
    assert notice.status == "pending"
    assert AuditEntry.objects.filter(verb="notice.resent", target=f"notice:{notice.pk}").exists()


def test_it_shows_a_new_key_once(desk, world):
    form = {"name": "ERP", "tenant": "acme", "scopes": ["events", "read"]}
    answer = desk.post(to("tenants_apikey", "issue_key"), form, follow=True)
    key = ApiKey.objects.get(name="ERP")
    assert f"{key.prefix}." in said(answer)
    assert f"{key.prefix}." not in said(desk.get(reverse("admin:tenants_apikey_change", args=[key.pk])))
    desk.post(to("tenants_apikey", "revoke_key", key))
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_it_changes_a_customers_state_with_a_reason(desk, world):
    desk.post(to("tenants_tenant", "change_state", world.tenant), {"to": "suspended", "reason": "三个月未付"})
    world.tenant.refresh_from_db()
    assert world.tenant.status == "suspended"
    assert AuditEntry.objects.get(verb="tenant.suspended").detail["reason"] == "三个月未付"


def test_it_keeps_an_owner(desk, world):
    answer = desk.post(to("tenants_member", "remove", world.member), headers=ENGLISH)
    assert "keeps at least one owner" in said(answer)
    assert Member.objects.filter(pk=world.member.pk).exists()


def test_it_invites_a_member_and_shows_the_link(desk, world):
    form = {"email": "bob@acme.example", "role": "viewer", "name": "Bob"}
    answer = desk.post(to("tenants_tenant", "invite", world.tenant), form, follow=True)
    assert "/account/password/reset/key/" in said(answer)
    assert Member.objects.get(user__email="bob@acme.example").role == "viewer"


def test_it_stops_renewal_and_ends(desk, world):
    row = Subscription.objects.get(tenant=world.tenant)
    desk.post(to("billing_subscription", "stop_renewing", row))
    row.refresh_from_db()
    assert row.auto_renew is False
    desk.post(to("billing_subscription", "end", row), {"on": "2026-06-30"})
    row.refresh_from_db()
    assert row.end_on == date(2026, 6, 30)


def test_it_opens_and_amends_a_customer_by_the_verbs(desk, world):
    inlines = {f"{name}-{part}_FORMS": 0 for name in ("contacts", "members") for part in ("TOTAL", "INITIAL")}
    profile = {"code": "new", "name": "新客户", "timezone": "Asia/Shanghai", "currency": "CNY", "language": "zh-hans"}
    assert desk.post(reverse("admin:tenants_tenant_add"), profile | inlines).status_code == 302
    made = Tenant.objects.get(code="new")
    desk.post(reverse("admin:tenants_tenant_change", args=[made.pk]), profile | inlines | {"note": "VIP"})
    assert set(AuditEntry.objects.filter(tenant=made).values_list("verb", flat=True)) == {
        "tenant.opened",
        "tenant.amended",
    }


def test_it_refuses_a_parent_that_has_a_parent(desk, world, fresh):
    child = shop.tenant("child", parent="fresh")
    inlines = {f"{name}-{part}_FORMS": 0 for name in ("contacts", "members") for part in ("TOTAL", "INITIAL")}
    profile = {
        "name": "某公司",
        "timezone": "Asia/Shanghai",
        "currency": "CNY",
        "language": "zh-hans",
        "parent": child.pk,
    }
    page = reverse("admin:tenants_tenant_change", args=[world.tenant.pk])
    assert "has a parent company itself" in said(desk.post(page, profile | inlines, headers=ENGLISH))


def test_it_looks_as_a_customer_and_writes_it_down(desk, world):
    page = to("tenants_member", "view_as_customer", world.member)
    assert desk.post(page, {"user_pk": world.member.user_id}).status_code == 302
    assert desk.session["hijack_history"]
    assert AuditEntry.objects.get(verb="customer.viewed").target == f"user:{world.member.user_id}"


def test_it_looks_at_nobody_elses_pages(desk, world, operator):
    page = to("tenants_member", "view_as_customer", world.member)
    assert desk.post(page, {"user_pk": operator.pk}).status_code == 200
    assert "hijack_history" not in desk.session


def test_it_discards_a_draft_and_issues_another(desk, world, fresh):
    shop.subscribe(fresh, world.version, "2026-03-01")
    draft = drafted(fresh)
    desk.post(to("invoices_invoice", "discard", draft))
    assert not Invoice.objects.filter(pk=draft.pk).exists()
    again = drafted(fresh)
    desk.post(to("invoices_invoice", "issue", again))
    again.refresh_from_db()
    assert (again.status, again.issued_by.name) == ("open", "Olivia")


def drafted(tenant: Tenant) -> Invoice:
    """Close and draft what is due, without issuing it."""
    moment = shop.at("2026-03-02 03:00")
    shop.run.closing.close(list(Subscription.objects.filter(tenant=tenant).values_list("pk", flat=True)), at=moment)
    (number,) = shop.run.drafting.draft([tenant.pk], at=moment)
    return Invoice.objects.get(pk=number)


ACTS = [
    ("Billing operator", "invoices_payment", "record_transfer", 200),
    ("Billing operator", "invoices_billingrun", "bill_now", 200),
    ("Viewer", "invoices_payment", "record_transfer", 403),
    ("Viewer", "invoices_billingrun", "bill_now", 403),
    ("Catalogue editor", "invoices_payment", "record_transfer", 403),
    ("Catalogue editor", "tenants_apikey", "issue_key", 403),
    ("Billing operator", "tenants_apikey", "issue_key", 403),
    ("Administrator", "tenants_apikey", "issue_key", 200),
]


@pytest.mark.parametrize(("role", "model", "act", "status"), ACTS)
def test_it_lets_each_role_do_its_own(client, db, role, model, act, status):
    client.force_login(staff(role), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(to(model, act)).status_code == status


@pytest.mark.parametrize("role", ["Viewer", "Catalogue editor", "Billing operator", "Administrator"])
def test_it_lets_every_role_see_bills(client, world, role):
    client.force_login(staff(role), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(reverse("admin:invoices_invoice_change", args=[world.bill.pk])).status_code == 200


def test_it_shows_a_viewer_no_button_that_changes_anything(client, world):
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    text = said(client.get(reverse("admin:tenants_tenant_change", args=[world.tenant.pk])))
    acts = ("subscribe", "bill-now", "record-transfer", "invite", "change-state")
    assert not [act for act in acts if f"/{act}/" in text]


def test_it_sends_a_stranger_to_the_log_in(client, db):
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/login/")


@pytest.mark.parametrize("role", ["Viewer", "Catalogue editor", "Billing operator", "Administrator"])
def test_it_lets_every_role_see_every_noun(db, role):
    person = staff(role)
    nouns = [
        model for app in ("tenants", "usage", "billing", "invoices") for model in apps.get_app_config(app).get_models()
    ]
    hidden = [m._meta.label for m in nouns if not person.has_perm(f"{m._meta.app_label}.view_{m._meta.model_name}")]
    assert hidden == []
