"""manage.py use_payment_sandbox SELLER: let a seller's payments go through the sandbox."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from invoices.providers import accounts
from invoices.providers.sandbox import keys
from tenants.errors import DomainError
from tenants.models import Seller


class Command(BaseCommand):
    """Make the seller's accounts at both providers with the sandbox's keys; again changes nothing but their date."""

    help = "Make a seller's accounts at Alipay and WeChat Pay with keys of the sandbox (see payment_sandbox)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        folder = Path(settings.VAR_DIR) / "sandbox"
        parser.add_argument("seller", help="the seller's code")
        parser.add_argument(
            "--folder", type=Path, default=folder, help="where the sandbox keeps its keys (var/sandbox)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seller = Seller.objects.filter(code=options["seller"]).first()
        if seller is None:
            raise CommandError(f"No seller has the code {options['seller']!r}.")
        mine = keys.of_merchant(options["folder"], seller.code)
        found = keys.account(mine, keys.base_of(mine))
        refuse_unlisted([account["gateway"] for account in found.values()])
        for provider, account in found.items():
            try:
                made = accounts.set_up(seller, provider, **account, at=timezone.now(), by=None)
            except DomainError as wrong:
                raise CommandError(f"{provider}: {wrong}") from None
            self.stdout.write(f"{provider} {made.merchant}: {made.gateway}")


def refuse_unlisted(addresses: list[str]) -> None:
    """Raise unless the settings let accounts use these addresses: on a site that takes real money they do not."""
    missing = [address for address in addresses if address not in settings.PAYMENT_GATEWAYS]
    if missing:
        raise CommandError(f"Not in PAYMENT_GATEWAYS. Set PAYMENT_GATEWAYS={','.join(addresses)} and try again.")
