"""`manage.py recount_usage`: prove that the counters equal the events."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from tenants.models import Tenant
from usage import counting


class Command(BaseCommand):
    """Compare every counter with its events; exit code 1 where one differs."""

    help = "Prove that usage counters equal the events; exit code 1 if not. --repair counts the wrong hours again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", action="append", metavar="CODE", help="this customer only (repeatable)")
        parser.add_argument("--repair", action="store_true", help="count differing hours again from their events")

    def handle(self, *args: Any, **options: Any) -> None:
        found = counting.recount(self._tenants(options["tenant"]), repair=options["repair"])
        for one in found:
            self.stdout.write(
                f"tenant {one.tenant_id} meter {one.meter_id} {one.dimension} {one.bucket:%Y-%m-%d %H:%M} UTC "
                f"{one.column}: counted {one.counted}, events say {one.expected}"
            )
        if not found:
            self.stdout.write(_("Every counter equals its events."))
            return
        self.stdout.write(_("%(count)d differences.") % {"count": len(found)})
        if options["repair"]:
            self.stdout.write(_("The hours were counted again."))
        sys.exit(1)

    def _tenants(self, codes: list[str] | None) -> list[Tenant] | None:
        if codes is None:
            return None
        found = list(Tenant.objects.filter(code__in=codes))
        if missing := sorted(set(codes) - {tenant.code for tenant in found}):
            raise CommandError(_("There is no customer “%(code)s”.") % {"code": missing[0]})
        return found
