"""A provider in memory, for rehearsals and tests: it keeps orders, contracts and refunds, and behaves as it is told.

Callbacks are JSON, signed with a secret that everybody knows: they prove how ours are heard, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from invoices.models import Mandate, Payment, Refund
from invoices.providers.port import (
    Callback,
    Contract,
    Debit,
    Failure,
    Forged,
    Kind,
    Message,
    NoAnswer,
    Order,
    Refused,
    Report,
    Return,
    Returned,
    Signed,
    State,
    StatementLine,
)
from tenants.models import Seller
from usage.periods import local_day

FRESH = timedelta(minutes=5)
ZONE = "Asia/Shanghai"
About = Report | Returned | Signed


class Behaviour(StrEnum):
    """What becomes of a customer's payments. `wait`: his payer has done nothing yet (`Simulated.pay` lets him)."""

    APPROVE = "approve"
    DECLINE = "decline"
    TIMEOUT = "timeout"
    TIMEOUT_THEN_APPROVE = "timeout_then_approve"
    WAIT = "wait"


SILENT = (Behaviour.TIMEOUT, Behaviour.TIMEOUT_THEN_APPROVE)


def whose(reference: str) -> str:
    """Return the code of the customer whose payment, refund or contract a number of ours is; empty when nobody's."""
    for rows in (
        Payment.objects.filter(reference=reference),
        Refund.objects.filter(reference=reference),
        Mandate.objects.filter(number=reference),
    ):
        if code := rows.values_list("tenant__code", flat=True).first():
            return str(code)
    return ""


@dataclass(slots=True)
class Simulation:
    """The simulated gateways of one rehearsal, and how they behave to each customer (by code; the others: `default`)."""

    default: Behaviour = Behaviour.APPROVE
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    gateways: dict[tuple[int, str], Simulated] = field(default_factory=dict)
    clock: Callable[[], datetime] | None = None

    def __call__(self, seller: Seller, provider: str) -> Simulated:
        """Return a seller's gateway: what `gateways.using` wants."""
        key = seller.pk, provider
        if key not in self.gateways:
            self.gateways[key] = Simulated(provider, self)
        return self.gateways[key]

    def behave(self, tenant: str, behaviour: str) -> None:
        """Behave so to a customer from now on."""
        self.behaviours[tenant] = Behaviour(behaviour)

    def behaviour(self, reference: str) -> Behaviour:
        """Return how the provider behaves to the customer whose number this is."""
        return self.behaviours.get(whose(reference), self.default) if self.behaviours else self.default


@dataclass(slots=True)
class Simulated:
    """One simulated provider: a Gateway."""

    name: str
    simulation: Simulation = field(default_factory=Simulation)
    orders: dict[str, Report] = field(default_factory=dict)
    refunds: dict[str, Returned] = field(default_factory=dict)
    refunded: dict[str, str] = field(default_factory=dict)
    contracts: dict[str, Signed] = field(default_factory=dict)
    # What was asked of it, in order: (call, number).
    calls: list[tuple[str, str]] = field(default_factory=list)

    def begin(self, order: Order) -> str:
        """Open an order; a payer who approves has paid it when it is asked for."""
        self._open("begin", order.reference, order.amount_minor)
        return f"https://{self.name}.example/{order.reference}"

    def debit(self, debit: Debit) -> Report:
        """Deduct at once; a contract that was ended here lets nothing be deducted."""
        ended = {one.provider_number for one in self.contracts.values() if one.state is State.CLOSED}
        if debit.contract in ended:
            raise Refused(Failure.NO_CONTRACT)
        self._open("debit", debit.reference, debit.amount_minor)
        return self._decided(debit.reference)

    def ask(self, reference: str, *, debit: bool = False) -> Report:
        """Say where an order is."""
        self._call("ask", reference)
        self._hold_silence(reference, (Behaviour.TIMEOUT,))
        return self._decided(reference)

    def close(self, reference: str, *, debit: bool = False) -> Report:
        """Close an order that nobody has paid."""
        self._call("close", reference)
        self._hold_silence(reference, (Behaviour.TIMEOUT,))
        known = self.orders.get(reference)
        if known is not None and known.state is State.WAITING:
            self.orders[reference] = replace(known, state=State.CLOSED)
        return self.orders.get(reference, Report(State.MISSING, reference))

    def pay(self, reference: str, *, amount_minor: int | None = None, at: datetime | None = None) -> Report:
        """Let the payer pay an order, or another amount than was asked of him."""
        known = self.orders[reference]
        self.orders[reference] = self._paid(known, amount_minor, at)
        return self.orders[reference]

    def give_back(self, refund: Return) -> Returned:
        """Return a part of a payment; where payments are declined the way back is gone too."""
        self._call("give_back", refund.reference)
        behaviour = self._behaviour(refund.reference)
        if behaviour == Behaviour.DECLINE:
            raise Refused(Failure.WAY_GONE)
        waiting = Returned(State.WAITING, refund.reference, f"R{refund.reference}", refund.amount_minor)
        self.refunds.setdefault(refund.reference, waiting)
        self.refunded[refund.reference] = refund.payment_reference
        self._hold_silence(refund.reference, SILENT)
        return self._returned(refund.reference)

    def ask_refund(self, refund: Return) -> Returned:
        """Say where a refund is."""
        self._call("ask_refund", refund.reference)
        self._hold_silence(refund.reference, (Behaviour.TIMEOUT,))
        return self._returned(refund.reference)

    def sign(self, contract: Contract) -> str:
        """Offer a contract; a payer who approves has signed it when it is asked for."""
        self._call("sign", contract.reference)
        behaviour = self._behaviour(contract.reference)
        if behaviour == Behaviour.DECLINE:
            raise Refused(Failure.DECLINED)
        self.contracts.setdefault(contract.reference, Signed(State.WAITING, contract.reference))
        self._hold_silence(contract.reference, SILENT)
        return f"https://{self.name}.example/sign/{contract.reference}"

    def ask_contract(self, reference: str, provider_number: str = "") -> Signed:
        """Say whether a contract is in force."""
        self._call("ask_contract", reference)
        self._hold_silence(reference, (Behaviour.TIMEOUT,))
        known = self.contracts.get(reference)
        if known is None:
            return Signed(State.MISSING, reference)
        if known.state is State.WAITING and self._behaviour(reference) != Behaviour.WAIT:
            known = replace(
                known, state=State.SUCCEEDED, provider_number=f"C{reference}", payer="pa***", at=self._now()
            )
            self.contracts[reference] = known
        return known

    def end_contract(self, reference: str, provider_number: str) -> Signed:
        """End a contract, also one that was never signed here (a story's is in force from its start)."""
        self._call("end_contract", reference)
        self._hold_silence(reference, SILENT)
        self.contracts[reference] = Signed(State.CLOSED, reference, provider_number, at=self._now())
        return self.contracts[reference]

    def tell_of_debit(self, debit: Debit) -> tuple[datetime, datetime] | None:
        """Ask for no notice of its own."""
        self._call("tell_of_debit", debit.reference)
        return None

    def read(self, callback: Callback) -> Message:
        """Return what a callback of `told` says; it must be signed, of the last five minutes, and for this provider."""
        headers = {name.lower(): value for name, value in callback.headers.items()}
        if headers.get("signature") != signature(callback.body):
            raise Forged("signature")
        said = json.loads(callback.body)
        if abs(callback.at - datetime.fromisoformat(said["sent_at"])) > FRESH:
            raise Forged("stale")
        if said["merchant"] != self.name:
            raise Forged("merchant")
        return Message(Kind(said["kind"]), said["message_id"], _about(said["about"], Kind(said["kind"])))

    def told(
        self, about: About, *, at: datetime, kind: Kind = Kind.PAYMENT, message_id: str = "", merchant: str = ""
    ) -> Callback:
        """Return the callback with which this provider tells us something."""
        said = {
            "kind": kind,
            "message_id": message_id or f"{kind}-{about.reference}-{about.state}",
            "sent_at": at.isoformat(),
            "merchant": merchant or self.name,
            "about": asdict(about) | {"at": about.at.isoformat() if about.at else None},
        }
        body = json.dumps(said).encode()
        return Callback(headers={"Signature": signature(body)}, body=body, at=at)

    def statement(self, day: date) -> Sequence[StatementLine]:
        """Return the day's lines; without a clock nothing has a time, and no day has lines."""
        paid = [one for one in self.orders.values() if one.state is State.SUCCEEDED and _on(one.at, day)]
        back = [one for one in self.refunds.values() if one.state is State.SUCCEEDED and _on(one.at, day)]
        lines = [_line(one, one.reference) for one in paid]
        return lines + [_line(one, self.refunded[one.reference], refund=True) for one in back]

    def _open(self, call: str, reference: str, amount_minor: int) -> None:
        self._call(call, reference)
        behaviour = self._behaviour(reference)
        if behaviour == Behaviour.DECLINE and reference not in self.orders:
            raise Refused(Failure.DECLINED)
        self.orders.setdefault(reference, Report(State.WAITING, reference, f"T{reference}", amount_minor))
        self._hold_silence(reference, SILENT)

    def _decided(self, reference: str) -> Report:
        """Return an order as it is now that its payer has had his moment."""
        known = self.orders.get(reference)
        if known is None:
            return Report(State.MISSING, reference)
        if known.state is State.WAITING:
            match self._behaviour(reference):
                case Behaviour.DECLINE:
                    known = replace(known, state=State.FAILED, failure=Failure.DECLINED)
                case Behaviour.APPROVE | Behaviour.TIMEOUT_THEN_APPROVE:
                    known = self._paid(known)
            self.orders[reference] = known
        return known

    def _paid(self, known: Report, amount_minor: int | None = None, at: datetime | None = None) -> Report:
        paid = known.amount_minor if amount_minor is None else amount_minor
        return replace(known, state=State.SUCCEEDED, amount_minor=paid, at=at or self._now(), payer="pa***")

    def _returned(self, reference: str) -> Returned:
        known = self.refunds.get(reference)
        if known is None:
            return Returned(State.MISSING, reference)
        if known.state is State.WAITING and self._behaviour(reference) != Behaviour.WAIT:
            self.refunds[reference] = known = replace(known, state=State.SUCCEEDED, at=self._now())
        return known

    def _behaviour(self, reference: str) -> Behaviour:
        return self.simulation.behaviour(reference)

    def _hold_silence(self, reference: str, when: Sequence[Behaviour]) -> None:
        if self._behaviour(reference) in when:
            raise NoAnswer

    def _now(self) -> datetime | None:
        return self.simulation.clock() if self.simulation.clock else None

    def _call(self, call: str, reference: str) -> None:
        self.calls.append((call, reference))


def signature(body: bytes) -> str:
    """Return the signature of a callback."""
    return sha256(b"simulated" + body).hexdigest()


def _about(said: Mapping[str, Any], kind: Kind) -> About:
    shape = {Kind.PAYMENT: Report, Kind.REFUND: Returned}.get(kind, Signed)
    at = datetime.fromisoformat(said["at"]) if said["at"] else None
    about: About = shape(**{**said, "state": State(said["state"]), "at": at})
    return about


def _on(at: datetime | None, day: date) -> bool:
    return at is not None and local_day(at, ZONE) == day


def _line(one: Report | Returned, payment: str, *, refund: bool = False) -> StatementLine:
    assert one.at is not None
    return StatementLine(one.reference, one.provider_number, one.amount_minor or 0, 0, one.at, refund, payment)
