"""Operators keep schedules, settle calls, and give debts up in twos."""

import pytest

from invoices import dunning
from invoices.models import DunningAct, DunningSchedule, Invoice, WriteOff
from tenants.models import AuditEntry, User
from tests import shop

pytestmark = pytest.mark.django_db
ROWS = {"steps-TOTAL_FORMS": "2", "steps-INITIAL_FORMS": "0", "steps-MIN_NUM_FORMS": "0", "steps-MAX_NUM_FORMS": "1000"}


def test_a_schedule_is_written_and_recorded(desk, world):
    steps = {"steps-0-day": "7", "steps-0-verb": "remind", "steps-1-day": "14", "steps-1-verb": "suspend"}
    data = {"seller": world.seller.pk, "plan": "", "tenant": world.tenant.pk, "grace_days": "3", **ROWS, **steps}
    answer = desk.post("/admin/invoices/dunningschedule/add/", data)
    assert answer.status_code == 302, answer.content.decode()
    made = DunningSchedule.objects.get()
    assert (made.tenant, made.grace_days) == (world.tenant, 3)
    assert list(made.steps.values_list("day", "verb")) == [(7, "remind"), (14, "suspend")]
    assert AuditEntry.objects.filter(verb="dunning_schedule.saved", tenant=world.tenant).exists()


def test_a_second_schedule_for_the_same_is_refused(desk, world):
    DunningSchedule.objects.create(seller=world.seller)
    data = {"seller": world.seller.pk, "plan": "", "tenant": "", "grace_days": "0", **ROWS, "steps-TOTAL_FORMS": "0"}
    assert desk.post("/admin/invoices/dunningschedule/add/", data).status_code == 200
    assert DunningSchedule.objects.count() == 1


def test_a_schedule_goes_with_its_steps(desk, world):
    made = DunningSchedule.objects.create(seller=world.seller)
    made.steps.create(day=1, verb="call")
    desk.post(f"/admin/invoices/dunningschedule/{made.pk}/delete/", {"post": "yes"})
    assert not DunningSchedule.objects.exists()


def test_a_call_is_settled_with_a_note(desk, world):
    schedule = DunningSchedule.objects.create(seller=world.seller)
    schedule.steps.create(day=1, verb="call")
    dunning.dun(at=shop.at("2026-03-03 10:00"))
    task = DunningAct.objects.filter(outcome="open").first()
    assert task is not None
    page = f"/admin/invoices/dunningact/{task.pk}/called/"
    assert task.invoice.number in desk.get(page).content.decode()
    desk.post(page, {"note": "下周一付款"})
    task.refresh_from_db()
    assert (task.outcome, task.note) == ("done", "下周一付款")


def test_a_bill_is_written_off_by_two(desk, world, client):
    answer = desk.post(f"/admin/invoices/invoice/{world.bill.pk}/write-off/", {"reason": "失联"})
    assert answer.status_code == 302
    asked = WriteOff.objects.get()
    page = f"/admin/invoices/writeoff/{asked.pk}/approve/"
    assert desk.post(page).status_code == 200
    assert Invoice.objects.get(pk=world.bill.pk).status == "open"
    second = User.objects.create_superuser("second@qingyu.example", "secret-secret", name="Second")
    desk.force_login(second, "allauth.account.auth_backends.AuthenticationBackend")
    assert desk.post(page).status_code == 302
    assert Invoice.objects.get(pk=world.bill.pk).status == "uncollectible"
