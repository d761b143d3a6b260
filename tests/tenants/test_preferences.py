"""A company chooses how it is told; what law or contract needs cannot be switched off, and what is off is kept for the page."""

import pytest
from django.db import transaction

from tenants import letters, notices, preferences, receivers, telling
from tenants.errors import Invalid
from tenants.models import AuditEntry, Notice, NoticePreference
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db
BALANCE = {"tenant": "acme", "path": "/c/acme/wallet/", "currency": "CNY", "balance_minor": 100, "alert_minor": 500}
BALANCE |= {"missing_minor": 0, "announced_minor": 0, "until": ""}


def test_every_letter_has_its_kind():
    assert set(letters.REQUIRED) == set(telling.KINDS)


def test_the_database_knows_what_may_be_switched_off():
    (rule,) = [c for c in NoticePreference._meta.constraints if c.name == "preference_keeps_what_is_needed"]
    assert ("kind__in", telling.OPTIONAL) in rule.condition.children


def test_what_is_off_is_kept_and_not_sent(acme, seller, mailoutbox):
    preferences.choose(acme, "balance_low", mail=False, wecom=False, at=NOW, by=None)
    with transaction.atomic():
        said = notices.announce(acme, kind="balance_low", key="b", payload=BALANCE, at=NOW, seller=seller)
    assert (said.status, said.channels) == ("off", [])
    assert notices.deliver(at=NOW) == 0
    assert mailoutbox == []


def test_wecom_alone_falls_back_to_mail_without_a_group(acme):
    preferences.choose(acme, "charge_announced", mail=False, wecom=True, at=NOW, by=None)
    assert receivers.ways([(acme.pk, "charge_announced")]) == {(acme.pk, "charge_announced"): ["mail"]}


def test_a_choice_is_audited_once(acme, alice):
    for _time in range(2):
        preferences.choose(acme, "pack_lapsing", mail=False, wecom=True, at=NOW, by=alice)
    assert AuditEntry.objects.filter(verb="notices.chosen").count() == 1
    assert preferences.chosen(acme)["pack_lapsing"] == (False, True)
    preferences.choose(acme, "pack_lapsing", mail=True, wecom=True, at=NOW, by=alice)
    assert preferences.chosen(acme)["pack_lapsing"] == (True, True)


def test_other_companies_are_not_touched(acme, other, seller):
    preferences.choose(acme, "balance_low", mail=False, wecom=False, at=NOW, by=None)
    with transaction.atomic():
        said = notices.announce(other, kind="balance_low", key="b", payload=BALANCE, at=NOW, seller=seller)
    assert said.status == Notice.Status.PENDING


def test_reminders_come_on_known_days_only(acme):
    assert acme.reminder_days == [3, 1]
    assert preferences.remind_on(acme, [1, 30, 30], at=NOW, by=None).reminder_days == [30, 1]
    assert preferences.remind_on(acme, [], at=NOW, by=None).reminder_days == []
    with pytest.raises(Invalid):
        preferences.remind_on(acme, [2], at=NOW, by=None)


def test_there_is_no_other_kind(acme):
    with pytest.raises(Invalid):
        preferences.choose(acme, "unheard_of", mail=True, wecom=False, at=NOW, by=None)
