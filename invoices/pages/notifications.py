"""How the company wants to be told: each kind by mail and WeCom, the days of reminders, and its group in WeCom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from invoices.pages.visit import Visit
from tenants import preferences, telling, wecom
from tenants.models import WeComBot
from tenants.models.companies import REMINDERS
from tenants.receivers import recipients


@dataclass(frozen=True)
class Choice:
    """A kind of notice: its ways, and why it cannot be switched off (empty where it can)."""

    code: str
    name: str
    mail: bool
    wecom: bool
    why: str
    private: bool


@dataclass(frozen=True)
class Section:
    """Kinds that stand together."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Group:
    """The group in WeCom: known by a fingerprint; the key is shown to nobody."""

    fingerprint: str
    set_by: str
    works: bool


@dataclass(frozen=True)
class NotificationsPage:
    """The page /settings/notifications/."""

    sections: tuple[Section, ...]
    days: tuple[tuple[int, bool], ...]
    addresses: tuple[str, ...]
    group: Group | None
    may_manage: bool
    contacts: str
    example: str


def page(visit: Visit) -> NotificationsPage:
    """Return what is chosen now."""
    bot = WeComBot.objects.filter(tenant=visit.tenant).first()
    chosen = preferences.chosen(visit.tenant)
    sections = (Section(str(group.name), tuple(_choices(group, chosen))) for group in telling.GROUPS)
    return NotificationsPage(
        sections=tuple(section for section in sections if section.choices),
        days=tuple((day, day in visit.tenant.reminder_days) for day in REMINDERS),
        addresses=tuple(recipients([visit.tenant.pk])[visit.tenant.pk]),
        group=Group(bot.fingerprint[:16], bot.set_by_name, bot.broken_at is None) if bot else None,
        may_manage=visit.member.may_manage,
        contacts=visit.to("settings"),
        example=f"https://{wecom.HOST}{wecom.PATH}?key=…",
    )


def _choices(group: telling.Group, chosen: Mapping[str, tuple[bool, bool]]) -> list[Choice]:
    return [
        Choice(code, str(kind.name), *chosen[code], why=str(kind.why), private=kind.private)
        for code, kind in telling.KINDS.items()
        if kind.group == group
    ]


@transaction.atomic
def save(visit: Visit, said: Mapping[str, str], days: list[str]) -> str:
    """Keep what a member ticked: `mail:<kind>`, `wecom:<kind>` and days; return the sentence that says so.

    Without a group in WeCom its column is not shown, and what was chosen for it stays.
    """
    shown = WeComBot.objects.filter(tenant=visit.tenant).exists()
    before = preferences.chosen(visit.tenant)
    for code in telling.KINDS:
        wecom = f"wecom:{code}" in said if shown else before[code][1]
        mail = f"mail:{code}" in said
        if not shown and not mail and telling.is_needed(code):
            # Its box cannot be unticked on the page; whoever sends it unticked is refused.
            wecom = False
        preferences.choose(visit.tenant, code, mail=mail, wecom=wecom, at=visit.at, by=visit.user)
    preferences.remind_on(visit.tenant, [int(day) for day in days if day.isdecimal()], at=visit.at, by=visit.user)
    return _("Saved. It holds for every notice from now on.")


def use_group(visit: Visit, address: str) -> str:
    """Keep the group in WeCom; return the sentence that says so."""
    preferences.use_group(visit.tenant, address, at=visit.at, by=visit.user)
    return _("Notices go to your group in WeCom from now on, as ticked above.")


def leave_group(visit: Visit) -> str:
    """Forget the group in WeCom; return the sentence that says so."""
    preferences.leave_group(visit.tenant, at=visit.at, by=visit.user)
    return _("Nothing goes to WeCom any more. Notices come by mail.")
