"""Set the stage of a story: a seller, number series, catalogue and customers of its own, which nobody else ever sees.

Codes and prefixes that are unique in the whole database get a token, so a rehearsal neither waits for another transaction
nor clashes with one; what is told has the story's own codes again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import defining, discounts, wallets
from billing.money import Money
from invoices.models import Mandate
from invoices.providers.simulated import Simulation
from invoices.rehearsal.story import Company, Step, Story
from tenants import agreements
from tenants.errors import DomainError
from tenants.models import CustomerGroup, Seller, Tenant
from tenants.models.agreements import RENEWS

# Eight hexadecimal digits and a letter fit the ten characters of a prefix.
PREFIX = "R"
MOST = 2**62


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that was refused: its number in the story, and why."""

    step: int
    code: str
    message: str


@dataclass(slots=True)
class World:
    """What a story plays with: the rows it made, the instant at which it is, and what was refused so far."""

    story: Story
    token: str
    seller: Seller
    now: datetime
    tenants: dict[str, Tenant] = field(default_factory=dict)
    companies: dict[str, Company] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    stopped: bool = False
    # Keys of events that were told, by customer.
    keys: set[tuple[str, str]] = field(default_factory=set)
    # The providers, and how they behave to whom.
    simulation: Simulation = field(default_factory=Simulation)

    @property
    def ids(self) -> list[int]:
        """The ids of all customers."""
        return [tenant.pk for tenant in self.tenants.values()]

    @property
    def debtors(self) -> list[int]:
        """The ids of those who are debited under an agreement: they alone are tried again by dunning, and can be seen to be."""
        mine = (self.tenants[code] for code, company in self.companies.items() if company.pays == "mandate")
        return sorted({tenant.payer_id for tenant in mine})

    @property
    def deducts(self) -> bool:
        """Whether anybody is deducted from by himself, so that there is something to announce and to collect."""
        return any(company.pays != "manual" for company in self.companies.values())

    def refuse(self, step: Step, code: str, message: str) -> None:
        """Put down a refusal; a strict story stops at its first one."""
        self.refused.append(Refused(step.number, code, message))
        self.stopped = self.story.strict

    def money(self, amount: Decimal) -> Money:
        """Return an amount in the story's currency."""
        return Money.of(amount, self.story.currency)


def stage(story: Story) -> World:
    """Make what the story needs before its first step; raise the refusal, with its path, of a catalogue that cannot be."""
    token = secrets.token_hex(4)
    seller = _seller(story, token)
    world = World(story, token, seller, story.begins)
    _catalogue(story, seller)
    world.companies = {company.code: company for company in story.companies}
    world.tenants = _tenants(story, token)
    world.simulation.clock = lambda: world.now
    _agreements(world)
    for company in story.companies:
        if company.wallet:
            top_up(world, world.tenants[company.code], company.wallet, key="wallet", at=story.begins)
    return world


def top_up(world: World, tenant: Tenant, amount: Decimal, *, key: str, at: datetime, gift: bool = False) -> None:
    """Put an amount into a customer's wallet."""
    wallets.top_up_by_hand(
        tenant, seller=world.seller, amount=world.money(amount), reason="rehearsal", key=key, at=at, by=None, gift=gift
    )


def _seller(story: Story, token: str) -> Seller:
    return Seller.objects.create(
        code=f"rehearsal-{token}",
        legal_name="演练",
        brand="演练",
        brand_en="Rehearsal",
        mark="演",
        tax_rate=story.tax_rate,
        tax_inclusive=story.tax_inclusive,
        currency=story.currency,
        timezone=story.zone,
        number_prefix=f"{PREFIX}{token}",
        # In a story nobody waits for a second person.
        refund_limit_minor=MOST,
        created_at=story.begins,
    )


def _catalogue(story: Story, seller: Seller) -> None:
    at = story.begins
    try:
        defining.define_meters(seller, [*story.meters, *_named(story)], at=at)
    except DomainError as refusal:
        raise type(refusal)(refusal.message, field=f"catalogue.{refusal.field}") from None
    # A plan that follows another's trial must be there before that one is published.
    for path, plan in sorted(story.plans, key=lambda one: one[1].get("after_trial") not in (None, "ends", "pays")):
        defining.define_plan(seller, plan, at=at, by=None, path=path)
    for path, coupon in story.coupons:
        discounts.define(seller, coupon, at=at, by=None, path=path)


def _named(story: Story) -> list[Mapping[str, Any]]:
    """Return the meters that prices name and the story does not describe: sums, as the story printed in CONTRACTS has one."""
    described = {meter.get("code") for meter in story.meters}
    prices = [price for _path, plan in story.plans for price in plan.get("prices") or () if isinstance(price, Mapping)]
    named = dict.fromkeys(price["meter"] for price in prices if isinstance(price.get("meter"), str) and price["meter"])
    return [{"code": code, "aggregation": "sum"} for code in named if code not in described]


def _tenants(story: Story, token: str) -> dict[str, Tenant]:
    groups = _groups(story, token)
    made: dict[str, Tenant] = {}
    # Parents first. `companies.open` would make every other opening of a customer wait for the end of the story.
    for company in sorted(story.companies, key=lambda one: one.parent is not None):
        made[company.code] = Tenant.objects.create(
            code=f"{token}-{company.code}",
            name=company.code,
            group=groups.get(company.group or ""),
            parent=made[company.parent] if company.parent else None,
            timezone=company.zone,
            currency=story.currency,
            opened_at=story.begins,
        )
    return {company.code: made[company.code] for company in story.companies}


def _groups(story: Story, token: str) -> Mapping[str, CustomerGroup]:
    names = {company.group for company in story.companies if company.group}
    return {
        name: CustomerGroup.objects.create(code=f"{token}-{number}", name=name[:80])
        for number, name in enumerate(sorted(names))
    }


def _agreements(world: World) -> None:
    """Put an agreement in force for each payer who is debited under one. What may be deducted, its steps authorise.

    Providers debit yuan only: in another currency nobody has an agreement.
    """
    if world.story.currency != "CNY":
        return
    for payer in Tenant.objects.filter(pk__in=world.debtors).order_by("pk"):
        at = world.story.begins
        consent = agreements.authorise(
            payer, seller=world.seller, text="演练", text_version="rehearsal", at=at, by=None, scope=RENEWS
        )
        Mandate.objects.create(
            tenant=payer,
            seller=world.seller,
            currency=world.story.currency,
            provider=Mandate.Provider.ALIPAY,
            authorisation=consent,
            number=f"{world.token}{payer.pk}",
            provider_number=f"C{world.token}{payer.pk}",
            status=Mandate.Status.ACTIVE,
            single_minor=MOST,
            created_at=at,
            signed_at=at,
        )
