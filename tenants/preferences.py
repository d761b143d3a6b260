"""What a company chooses about notices: ways for each kind, reminders, and its group in WeCom. Each choice is audited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tenants import audit, cipher, telling
from tenants.errors import Invalid, WrongState
from tenants.models import NoticePreference, Tenant, User, WeComBot
from tenants.models.companies import REMINDERS
from tenants.wecom import key_of, name_of


class Needed(WrongState):
    """A kind that the law or the contract needs cannot be switched off."""

    code = "notice_needed"


@transaction.atomic
def choose(
    tenant: Tenant, kind: str, *, mail: bool, wecom: bool, at: datetime, by: User | None
) -> NoticePreference | None:
    """Keep by which ways a company is told of a kind; None where that is what it would be without saying so.

    Raises Invalid for a kind that there is not, and Needed where one that the law or the contract needs would be off.
    """
    if kind not in telling.KINDS:
        raise Invalid(_("There is no kind of notice “%(kind)s”.") % {"kind": kind}, field="kind")
    if not mail and not wecom and telling.is_needed(kind):
        said = {"name": telling.KINDS[kind].name, "why": telling.KINDS[kind].why}
        raise Needed(_("“%(name)s” cannot be switched off. %(why)s") % said, field=kind)
    before = NoticePreference.objects.select_for_update(no_key=True).filter(tenant=tenant, kind=kind).first()
    if (before is None and mail and wecom) or (before and (before.mail, before.wecom) == (mail, wecom)):
        return before
    said_by = by.get_full_name() if by else ""
    row, _new = NoticePreference.objects.update_or_create(
        tenant=tenant,
        kind=kind,
        defaults={"mail": mail, "wecom": wecom, "changed_at": at, "changed_by_name": said_by},
    )
    audit.record("notices.chosen", tenant=tenant, target=kind, at=at, by=by, mail=mail, wecom=wecom)
    return row


def chosen(tenant: Tenant) -> Mapping[str, tuple[bool, bool]]:
    """Return of every kind whether it goes by mail, and whether by WeCom."""
    rows = {row.kind: (row.mail, row.wecom) for row in NoticePreference.objects.filter(tenant=tenant)}
    return {kind: rows.get(kind, (True, True)) for kind in telling.KINDS}


@transaction.atomic
def remind_on(tenant: Tenant, days: Iterable[int], *, at: datetime, by: User | None) -> Tenant:
    """Keep on which days before a deduction a company is reminded; none is a choice too. Raises Invalid for other days."""
    wanted = sorted(set(days), reverse=True)
    if not set(wanted) <= set(REMINDERS):
        known = ", ".join(str(day) for day in REMINDERS)
        raise Invalid(_("Reminders come %(days)s days before.") % {"days": known}, field="reminder_days")
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if row.reminder_days != wanted:
        audit.record("notices.reminders", tenant=row, at=at, by=by, before=row.reminder_days, after=wanted)
        row.reminder_days = wanted
        row.save(update_fields=["reminder_days"])
    return row


@transaction.atomic
def use_group(tenant: Tenant, address: str, *, at: datetime, by: User | None) -> WeComBot:
    """Keep the robot of a company's group in WeCom, by the address that WeCom shows for it; raise Invalid for any other.

    Of the address only the key is kept, encrypted; messages go to WeCom's own host, whatever somebody writes here.
    """
    key = key_of(address)
    if not key:
        raise Invalid(
            _(
                "This is no address of a group robot: it begins with https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="
            ),
            field="address",
        )
    secret = {"key": key}
    row, _new = WeComBot.objects.update_or_create(
        tenant=tenant,
        defaults={
            "secret": cipher.seal(secret, of=name_of(tenant.pk)),
            "fingerprint": cipher.fingerprint(secret),
            "set_at": at,
            "set_by_name": by.get_full_name() if by else "",
            "broken_at": None,
        },
    )
    audit.record("notices.wecom_on", tenant=tenant, at=at, by=by, fingerprint=row.fingerprint[:16])
    return row


@transaction.atomic
def leave_group(tenant: Tenant, *, at: datetime, by: User | None) -> None:
    """Forget a company's group in WeCom; what went there goes by mail from now on. Without one nothing happens."""
    if WeComBot.objects.filter(tenant=tenant).delete()[0]:
        audit.record("notices.wecom_off", tenant=tenant, at=at, by=by)


@transaction.atomic
def reseal() -> int:
    """Encrypt the keys of all groups with the newest of PAYMENT_KEYS; return how many. Raises cipher.Unreadable, having
    changed nothing."""
    rows = list(WeComBot.objects.select_for_update(no_key=True).order_by("pk"))
    for row in rows:
        row.secret = cipher.reseal(row.secret)
    WeComBot.objects.bulk_update(rows, ["secret"])
    return len(rows)
