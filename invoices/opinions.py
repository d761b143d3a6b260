"""What customers say of us: one question, once a quarter and once after each settled dispute."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from invoices.models import Survey
from tenants.errors import Conflict, Invalid
from tenants.models import Tenant, User
from usage.periods import local_day


class Said(Conflict):
    """This person has answered already."""

    code = "already_answered"


def quarter(tenant: Tenant, at: datetime) -> str:
    """Return the occasion of this quarter."""
    today = local_day(at, tenant.timezone)
    return f"quarter:{today.year}-{(today.month + 2) // 3}"


@transaction.atomic
def say(tenant: Tenant, *, score: str | int, words: str, at: datetime, by: User, occasion: str = "") -> Survey:
    """Keep an answer from 1 to 5 with a person's own words; Invalid for another score, Said for a second answer.

    `occasion` is this quarter, or `dispute:<id>`. An answer is never changed: opinions that can be edited prove nothing.
    """
    if str(score) not in ("1", "2", "3", "4", "5"):
        raise Invalid(_("Choose a number from 1 (bad) to 5 (very good)."), field="score")
    try:
        with transaction.atomic():
            return Survey.objects.create(
                tenant=tenant,
                occasion=occasion or quarter(tenant, at),
                score=int(score),
                words=words.replace("\x00", "").strip()[:1000],
                by=by,
                at=at,
            )
    except IntegrityError:
        raise Said(_("You have answered this already. Thank you; please ask again next quarter.")) from None
