"""Who receives a company's notices, and by which ways: addresses, and what the company has switched off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tenants import telling
from tenants.models import Contact, Member, Notice, NoticePreference, WeComBot
from tenants.telling import MAIL, WECOM

# (tenant, kind)
Told = tuple[int, str]


def recipients(tenants: Iterable[int]) -> defaultdict[int, list[str]]:
    """Return the addresses that notices of these tenants go to: contacts who receive bills, else the owners."""
    wanted = set(tenants)
    found: defaultdict[int, list[str]] = defaultdict(list)
    contacts = Contact.objects.filter(tenant__in=wanted, receives_bills=True).exclude(email="").order_by("id")
    for tenant_id, email in contacts.values_list("tenant_id", "email"):
        found[tenant_id].append(email)
    owners = Member.objects.filter(tenant__in=wanted - set(found), role=Member.Role.OWNER, user__is_active=True)
    for tenant_id, email in owners.order_by("id").values_list("tenant_id", "user__email"):
        found[tenant_id].append(email)
    return found


def ways(told: Iterable[Told]) -> Mapping[Told, list[str]]:
    """Return by which ways each of these is told now; none for what is switched off.

    What is needed by law or contract goes by mail where no other way is left; without a group in WeCom, by mail alone.
    """
    pairs = set(told)
    tenants = {tenant for tenant, _kind in pairs}
    rows = NoticePreference.objects.filter(tenant__in=tenants, kind__in={kind for _tenant, kind in pairs})
    chosen = {(row.tenant_id, row.kind): row for row in rows}
    groups = WeComBot.objects.filter(tenant__in=tenants, broken_at=None)
    grouped = set(groups.values_list("tenant_id", flat=True))
    return {pair: _ways(pair, chosen.get(pair), pair[0] in grouped) for pair in pairs}


def _ways(pair: Told, chosen: NoticePreference | None, grouped: bool) -> list[str]:
    mail = chosen is None or chosen.mail
    wecom = grouped and (chosen is None or chosen.wecom) and not telling.is_private(pair[1])
    if not mail and not wecom and telling.is_needed(pair[1]):
        mail = True
    return [MAIL] * mail + [WECOM] * wecom


def addresses(notice: Notice) -> list[str]:
    """Return where a notice goes by mail: those of the day on which it was announced, and once a mail of it has come back,
    those who receive the company's notices now in place of the dead ones."""
    dead = set(notice.deliveries.filter(bounce__isnull=False).values_list("address", flat=True))
    if not dead:
        return list(notice.recipients)
    now = recipients([notice.tenant_id])[notice.tenant_id]
    return list(dict.fromkeys([*(one for one in notice.recipients if one not in dead), *now]))
