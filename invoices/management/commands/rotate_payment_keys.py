"""manage.py rotate_payment_keys: encrypt the keys of all providers' accounts with the newest of PAYMENT_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from invoices.evidence import signing
from invoices.providers import accounts, keys
from tenants import cipher, preferences


class Command(BaseCommand):
    help = "Encrypt the keys of payment providers again, with the newest of PAYMENT_KEYS. Then the old ones can be taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                count = accounts.rotate(at=timezone.now(), by=None) + signing.reseal() + preferences.reseal()
        except cipher.Unreadable:
            raise CommandError("Nothing was changed. The key of a group in WeCom cannot be read.") from None
        except keys.Sealed as refusal:
            raise CommandError(f"Nothing was changed. {refusal.message}") from None
        self.stdout.write(f"The keys of {count} accounts are encrypted with the newest of PAYMENT_KEYS.")
