"""The demo's log-ins: an operator, an owner and a viewer of the liveliest customer, and a program's key.

Passwords and key are chosen by chance, once, and kept in a file that only its owner may read: the database has hashes.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from invoices.demo import opening
from invoices.demo.making import OPERATOR
from tenants import keys
from tenants.models import ApiKey, Member, Tenant, User

LIVELY = "muhe"
OWNER, VIEWER = "chen@muhe.example", "zhou@muhe.example"


@dataclass(frozen=True)
class Visitors:
    """Who may come in, and with what."""

    passwords: dict[str, str]
    key: str


def admit(folder: Path, *, at: datetime) -> Visitors:
    """Return the log-ins of this demo, made now unless they were made before and still fit."""
    path = folder / "logins.json"
    if path.exists():
        known = Visitors(**json.loads(path.read_text(encoding="utf-8")))
        if _fit(known, at):
            return known
    fresh = _choose(at)
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(fresh), file, indent=1)
    return fresh


def _fit(known: Visitors, at: datetime) -> bool:
    prefix = known.key.partition(".")[0]
    people = {user.email: user for user in User.objects.filter(email__in=known.passwords)}
    return (
        len(people) == len(known.passwords)
        and ApiKey.objects.filter(prefix=prefix, revoked_at=None).exists()
        and all(people[email].check_password(password) for email, password in known.passwords.items())
    )


@transaction.atomic
def _choose(at: datetime) -> Visitors:
    operator = User.objects.get(email=OPERATOR)
    company = Tenant.objects.get(code=LIVELY)
    for email, name, role in ((OWNER, "陈静", Member.Role.OWNER), (VIEWER, "周敏", Member.Role.VIEWER)):
        if not company.members.filter(user__email=email).exists():
            opening.invite(company, email, name, role, at=at, by=operator)
    passwords = {}
    for email in (OPERATOR, OWNER, VIEWER):
        passwords[email] = secrets.token_urlsafe(9)
        person = User.objects.get(email=email)
        person.set_password(passwords[email])
        person.save(update_fields=["password"])
    _key, text = keys.issue(company, name="demo", scopes=[ApiKey.Scope.EVENTS, ApiKey.Scope.READ], at=at, by=operator)
    return Visitors(passwords, text)
