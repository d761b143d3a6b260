"""How a transfer says whose it is: a code for the remark, a virtual account, and the names a customer's payers have."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from invoices.models import KnownPayer, RemittanceCode
from invoices.models.bank import MOST_PAYERS
from tenants import audit
from tenants.errors import Conflict, Invalid
from tenants.models import Seller, Tenant, User

# Twenty-three characters that are taken for no other: without 0 O Q, 1 I L, 2 Z, 5 S, 8, G and V. A prime, so that the
# check character finds every wrong character and every two that were exchanged.
ALPHABET = "34679ABCDEFHJKMNPRTUWXY"
DRAWN = 7
LENGTH = DRAWN + 1
TRIES = 5


class TooManyPayers(Conflict):
    """The customer has as many known payers as may be kept."""

    code = "too_many_payers"


@transaction.atomic
def code_of(tenant: Tenant, seller: Seller, *, at: datetime) -> RemittanceCode:
    """Return the customer's code with this seller; the first time it is drawn, and it never changes."""
    for _try in range(TRIES):
        known = RemittanceCode.objects.filter(tenant=tenant, seller=seller).first()
        if known is not None:
            return known
        try:
            with transaction.atomic():
                return RemittanceCode.objects.create(tenant=tenant, seller=seller, code=draw(), made_at=at)
        except IntegrityError:
            # Somebody else drew the same code, or one for the same customer.
            continue
    raise Conflict(_("No remittance code could be drawn. Please try again."))


def draw() -> str:
    """Return a new code: seven random characters and their check character."""
    drawn = "".join(secrets.choice(ALPHABET) for _n in range(DRAWN))
    return drawn + check_character(drawn)


def check_character(drawn: str) -> str:
    """Return the last character of a code: the places' numbers times their characters, modulo 23."""
    total = sum(place * ALPHABET.index(character) for place, character in enumerate(drawn, start=1))
    # The check character has the place −1, so that the sum over all eight is zero.
    return ALPHABET[total % len(ALPHABET)]


def codes_in(remark: str) -> Iterator[str]:
    """Yield what may be a code in a remark: eight of our characters in a row whose check character is right.

    Full-width letters, small ones, blanks and hyphens do not matter; what stands beside it does not either.
    """
    text = re.sub(r"[\s\-_.·]", "", unicodedata.normalize("NFKC", remark)).upper()
    for start in range(len(text) - LENGTH + 1):
        found = text[start : start + LENGTH]
        if all(character in ALPHABET for character in found) and check_character(found[:DRAWN]) == found[DRAWN]:
            yield found


@transaction.atomic
def give_account(code: RemittanceCode, account: str, *, at: datetime, by: User | None) -> RemittanceCode:
    """Note the virtual account that the bank opened for a customer; empty: it was closed."""
    digits = re.sub(r"\s", "", account)
    if digits and not re.fullmatch(r"[0-9]{6,40}", digits):
        raise Invalid(_("A virtual account has 6 to 40 digits."), field="virtual_account")
    taken = RemittanceCode.objects.filter(seller=code.seller_id, virtual_account=digits).exclude(pk=code.pk)
    if digits and taken.exists():
        raise Conflict(_("Another customer has this virtual account."), field="virtual_account")
    code.virtual_account = digits
    code.save(update_fields=["virtual_account"])
    audit.record(
        "remittance.account", tenant=code.tenant, target=f"remittance_code:{code.pk}", at=at, by=by, account=digits[-4:]
    )
    return code


def plain_name(name: str) -> str:
    """Return a payer's name so that two spellings of it are equal: full width, brackets, blanks and case do not matter."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in text if unicodedata.category(character)[0] in "LN")


def own_names(tenant: Tenant) -> set[str]:
    """Return the customer's own names, plain; money under another name is paid by a third party."""
    return {plain for name in (tenant.name, tenant.name_en) if (plain := plain_name(name))}


def allowed_names(tenant: Tenant) -> set[str]:
    """Return the names under which this customer's money may come: his own, and his known payers'."""
    known = KnownPayer.objects.filter(tenant=tenant, removed_at=None).values_list("name", flat=True)
    return own_names(tenant) | {plain_name(name) for name in known}


@transaction.atomic
def know(tenant: Tenant, name: str, *, declaration: str, at: datetime, by: User | None) -> KnownPayer:
    """Put a payer onto the customer's list, with the declaration that he pays for this customer.

    Raises Invalid without name or declaration, TooManyPayers above five; a name that is there already stays as it is.
    """
    name, declaration = name.strip(), declaration.strip()
    if not plain_name(name):
        raise Invalid(_("Write the payer's name as the bank has it."), field="name")
    if not declaration:
        raise Invalid(
            _("Note the declaration of payment for another: its date, or where it is kept."), field="declaration"
        )
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    listed = list(KnownPayer.objects.filter(tenant=tenant, removed_at=None))
    for one in listed:
        if plain_name(one.name) == plain_name(name):
            return one
    free = sorted(set(range(1, MOST_PAYERS + 1)) - {one.position for one in listed})
    if not free:
        raise TooManyPayers(_("This customer has five known payers. Remove one first."), field="name")
    known = KnownPayer.objects.create(
        tenant=tenant, position=free[0], name=name[:200], declaration=declaration[:300], added_at=at, added_by=by
    )
    audit.record(
        "payer.known", tenant=tenant, target=f"known_payer:{known.pk}", at=at, by=by, name=name, declaration=declaration
    )
    return known


@transaction.atomic
def forget(payer: KnownPayer, *, at: datetime, by: User | None) -> None:
    """Take a payer off the list; taking him off twice changes nothing."""
    if KnownPayer.objects.filter(pk=payer.pk, removed_at=None).update(removed_at=at, removed_by=by):
        audit.record(
            "payer.forgotten", tenant=payer.tenant, target=f"known_payer:{payer.pk}", at=at, by=by, name=payer.name
        )
