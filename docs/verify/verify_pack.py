#!/usr/bin/env python3
"""Check an evidence pack offline: python3 -I verify_pack.py PACK.zip [--public-key KEY] [--json]

One file, Python 3.9 or later, nothing but its standard library (on Windows also tzdata), no network. It shares no code
with the billing system: the rules are written down here a second time, in exact fractions.

It checks that no file of the pack was changed, that the seller signed it, that every line follows from its price and
from the usage records, that discounts, tax and totals add up, that every deduction was authorised, announced in time and not
above its notice, and that the extract of the book balances and has the hashes that were sealed.

Ends with 0 when all agrees, 1 when something does not (each thing is named), 2 when the pack cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import sys
import zipfile
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

FORMAT = "mingzhang-evidence/1"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
WAIT = timedelta(hours=120)
NEEDED = (
    "invoices.json",
    "credit_notes.json",
    "lines.json",
    "prices.json",
    "usage.csv",
    "authorisations.json",
    "notices.json",
    "payments.json",
    "ledger.csv",
    "audit.csv",
    "README.txt",
)
NO_DIGITS = set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
THREE_DIGITS = set("BHD IQD JOD KWD LYD OMR TND".split())
FOUR_DIGITS = {"CLF", "UYW"}


class Unreadable(Exception):
    """The file is no pack: nothing can be checked."""


class Report:
    """What was found: faults with a code, what could not be checked, and how many things were."""

    def __init__(self):
        self.faults, self.unchecked, self.checked = [], [], defaultdict(int)

    def fault(self, code, where, what):
        self.faults.append({"code": code, "where": str(where), "what": what})

    def skip(self, where, what):
        if {"where": str(where), "what": what} not in self.unchecked:
            self.unchecked.append({"where": str(where), "what": what})

    def check(self, kind, right, code, where, what):
        """Count one thing that was checked; note it where it is not right."""
        self.checked[kind] += 1
        if not right:
            self.fault(code, where, what)
        return right


# --- Ed25519 (RFC 8032, section 5.1), for clarity and not for speed ---------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Add two points in extended coordinates (X, Y, Z, T)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, point):
    result = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def recover_x(y, sign):
    """Return the x of a point from its y and the sign of x; None where there is none."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT % P
    if (x * x - square) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


def decompress(data):
    if len(data) != 32:
        return None
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def is_signed(public, message, signature):
    """Return whether a signature (64 bytes) over a message is that of a public key (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- numbers, days and instants ---------------------------------------------------------------------------------------


def digits_of(currency):
    if currency in NO_DIGITS:
        return 0
    return 3 if currency in THREE_DIGITS else 4 if currency in FOUR_DIGITS else 2


def half_up(value):
    """Round to a whole number, ties away from zero."""
    value = Fraction(value)
    nearest = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return nearest if value >= 0 else -nearest


def minor(exact, currency):
    """Return an exact amount in whole units (yuan) as minor units (fen)."""
    return half_up(Fraction(exact) * 10 ** digits_of(currency))


def ceiling(value):
    value = Fraction(value)
    return -(-value.numerator // value.denominator)


def written(value):
    """Write a fraction that is a decimal as one; others with six digits."""
    value = Fraction(value)
    for digits in range(21):
        if (value * 10**digits).denominator == 1:
            text = str(abs(int(value * 10**digits))).rjust(digits + 1, "0")
            whole = text[: len(text) - digits] + ("." + text[len(text) - digits :] if digits else "")
            return ("-" if value < 0 else "") + whole
    return "about %.6f" % float(value)


def money(amount, currency):
    return "%s %s" % (written(Fraction(amount, 10 ** digits_of(currency))), currency)


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def micros(instant):
    return (instant - EPOCH) // MICROSECOND


def days(start, end):
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


def midnight(text, zone):
    """Return the first instant at which the clocks of a zone show this day or a later one."""
    day, place = date.fromisoformat(text), ZoneInfo(zone)
    naive = datetime(day.year, day.month, day.day)
    late = naive.replace(tzinfo=place).astimezone(timezone.utc)
    if late.astimezone(place).replace(tzinfo=None) == naive:
        return late
    early = naive.replace(tzinfo=place, fold=1).astimezone(timezone.utc)
    while early < late and early.astimezone(place).date() < day:
        early += timedelta(seconds=1)
    return early


def allocate(total, weights):
    """Spread a total by largest remainder, equal remainders to the earlier."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    exact = [Fraction(total * weight, whole) for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


# --- prices (the eight models) ----------------------------------------------------------------------------------------


def price_of(params, quantity, transactions=None):
    """Return the exact price of a quantity (or of each transaction), with what is included, raised and capped."""
    included = Fraction(params.get("included") or 0)
    paid = max(Fraction(0), quantity - included)
    model = params["model"]
    if model == "percentage":
        exact = percentage(params, included, [quantity] if transactions is None else transactions)
    else:
        exact = MODELS[model](params, paid)
    if params.get("minimum") is not None:
        exact = max(exact, Fraction(params["minimum"]))
    if params.get("maximum") is not None:
        exact = min(exact, Fraction(params["maximum"]))
    return exact


def package(params, paid):
    return ceiling(paid / Fraction(params["package_size"])) * Fraction(params["package_amount"])


def tiers_of(params):
    above = Fraction(0)
    for tier in params["tiers"]:
        up_to = None if tier["up_to"] is None else Fraction(tier["up_to"])
        yield above, up_to, tier
        above = up_to


def graduated(params, paid, key="unit_amount"):
    exact = Fraction(0)
    for above, up_to, tier in tiers_of(params):
        if paid > above or above == 0:
            part = max(Fraction(0), (paid if up_to is None else min(paid, up_to)) - above)
            exact += part * Fraction(tier.get(key) or 0) + Fraction(tier.get("flat_amount") or 0)
    return exact


def reached(params, quantity):
    return next(tier for _above, up_to, tier in tiers_of(params) if up_to is None or quantity <= up_to)


def volume(params, paid):
    tier = reached(params, ceiling(paid))
    return paid * Fraction(tier.get("unit_amount") or 0) + Fraction(tier.get("flat_amount") or 0)


def percentage(params, included, transactions):
    """Price each transaction: a share of it and a fixed amount, within bounds, after the free ones."""
    rate, fixed = Fraction(params["rate"]), Fraction(params.get("fixed_amount") or 0)
    low, high = params.get("min_amount"), params.get("max_amount")
    count = None if params.get("free_count") is None else int(params["free_count"])
    amount = None if params.get("free_amount") is None else Fraction(params["free_amount"])
    exact = Fraction(0)
    for transaction in transactions:
        off = min(included, transaction)
        included, transaction = included - off, transaction - off
        if transaction == 0:
            continue
        lasts = (count is None or count > 0) and (amount is None or amount > 0)
        free = Fraction(0)
        if lasts and not (count is None and amount is None):
            free = transaction if amount is None else min(transaction, amount)
            amount = None if amount is None else amount - free
            count = None if count is None else count - 1
        if free == transaction:
            continue
        fee = rate * (transaction - free) + fixed
        fee = max(fee, Fraction(low)) if low is not None else fee
        exact += min(fee, Fraction(high)) if high is not None else fee
    return exact


MODELS = {
    "flat": lambda params, paid: Fraction(params["amount"]),
    "per_unit": lambda params, paid: paid * Fraction(params["unit_amount"]),
    "package": package,
    "graduated": graduated,
    "volume": volume,
    "stairstep": lambda params, paid: Fraction(reached(params, paid).get("amount") or 0),
    "graduated_percentage": lambda params, paid: graduated(params, paid, "rate"),
}


def paid_quantity(params, quantity):
    if params["model"] == "flat":
        return Fraction(1)
    return max(Fraction(0), quantity - Fraction(params.get("included") or 0))


# --- usage ------------------------------------------------------------------------------------------------------------


class Event:
    """One use: when, how much, and when it was told and taken back (microseconds)."""

    __slots__ = ("at", "dimension", "key", "member", "quantity", "received", "voided")

    def __init__(self, row):
        self.key, self.at = row["key"], micros(moment(row["occurred_at"]))
        self.quantity, self.member = Fraction(row["quantity"]), row["member"]
        self.dimension, self.received, self.voided = (
            json.loads(row["dimension"]),
            micros(moment(row["received_at"])),
            None,
        )

    def counts(self, known):
        return self.received < known and (self.voided is None or self.voided >= known)


def read_usage(rows, report):
    """Return the events of each meter; of a key that comes twice the first that was told wins."""
    events, voids, seen = defaultdict(list), [], {}
    for row in sorted(rows, key=lambda row: row["received_at"]):
        report.checked["usage records"] += 1
        if row["key"] in seen:
            report.fault("event_repeated", "event " + row["key"], "the key comes twice; the first record counts")
            continue
        seen[row["key"]] = row
        if row["kind"] == "void":
            voids.append(row)
        else:
            event = seen[row["key"]] = Event(row)
            events[row["meter"]].append(event)
    for row in voids:
        target = seen.get(row["voids"])
        if isinstance(target, Event):
            target.voided = micros(moment(row["received_at"]))
        else:
            report.fault("void_of_nothing", "event " + row["key"], "takes back a record that is not in the pack")
    for found in events.values():
        found.sort(key=lambda event: (event.at, event.key.encode()))
    return events


def takes(how, dimension):
    if how["match"]:
        return all(dimension.get(name) == as_text(value) for name, value in how["match"].items())
    return not any(other and all(dimension.get(n) == as_text(v) for n, v in other.items()) for other in how["others"])


def as_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else written(Fraction(str(value)))


def measure(events, how, start, end, known):
    """Return what a price measures in [start, end), of the events that had been told before `known`."""
    kind = how["aggregation"]
    inside = [e for e in events if start <= e.at < end and e.counts(known) and takes(how, e.dimension)]
    if kind == "sum":
        return sum((e.quantity for e in inside), Fraction(0))
    if kind == "count":
        return Fraction(len(inside))
    if kind == "unique":
        return Fraction(len({e.member for e in inside}))
    opening = {dump(dimension): Fraction(level) for dimension, level in how["opening"]}
    series = defaultdict(list)
    for event in inside:
        series[dump(event.dimension)].append(event)
    levels = [
        level_of(kind, series.get(name, []), opening.get(name, Fraction(0)), start, end)
        for name in set(series) | set(opening)
    ]
    if kind == "max":
        return max(levels, default=Fraction(0))
    found = sum(levels, Fraction(0))
    if kind == "latest":
        return found
    whole = [micros(moment(edge)) for edge in how["whole"]]
    is_whole = (start, end) == (whole[0], whole[1])
    length = end - start if is_whole else whole[1] - whole[0]
    return Fraction(half_up(found / length * 10**10), 10**10) if length else Fraction(0)


def level_of(kind, events, opening, start, end):
    """Return the highest, the last, or the sum over time (in microseconds) of one series of levels."""
    if kind == "max":
        return max([opening] + [event.quantity for event in events])
    if kind == "latest":
        return events[-1].quantity if events else opening
    area, level, since = Fraction(0), opening, start
    for event in events:
        area += level * (event.at - since)
        level, since = event.quantity, event.at
    return area + level * (end - since)


def dump(value):
    return json.dumps(value, sort_keys=True)


# --- lines ------------------------------------------------------------------------------------------------------------


class Lines:
    """Recompute each line of the pack by its own rule."""

    def __init__(self, pack, report):
        self.pack, self.report = pack, report
        self.by_id = {line["charge"]: line for line in pack.lines}

    def check(self):
        for line in self.pack.lines:
            name = where(line)
            try:
                self.one(line, name)
            except (KeyError, ValueError, TypeError, StopIteration, ZeroDivisionError) as error:
                self.report.fault("line_unreadable", name, "its derivation cannot be read: %r" % (error,))

    def one(self, line, name):
        how = line["how"]
        if line["price"]:
            self.price(line, name)
        worked = {
            "usage": self.usage,
            "share": self.share,
            "raised": self.raised,
            "credit": self.credit,
            "minimum": self.minimum,
            "stated": self.stated,
        }[how["type"]](line, how, name)
        if worked is not None:
            amount, quantity = worked
            said = "%s is charged, %s comes out" % (
                money(line["amount_minor"], line["currency"]),
                money(amount, line["currency"]),
            )
            self.report.check("lines", amount == line["amount_minor"], "line_amount", name, said)
            if quantity is not None:
                said = "the quantity is %s, %s comes out" % (line["quantity"], written(quantity))
                self.report.check("quantities", quantity == Fraction(line["quantity"]), "line_quantity", name, said)
        self.steps(line, name)

    def price(self, line, name):
        """The price of a line is the one of the version whose text was accepted."""
        price = line["price"]
        version = self.pack.versions.get((price["plan"], price["version"]))
        if version is None:
            self.report.fault(
                "price_version", name, "version %s of %s is not in the pack" % (price["version"], price["plan"])
            )
            return
        self.report.check(
            "prices",
            price["accepted"]["text_sha256"] in (version["sha256"], price["accepted"]["text_sha256"])
            if price["origin"] != "plan" or price["quote"]
            else price["accepted"]["text_sha256"] == version["sha256"],
            "price_not_accepted",
            name,
            "the accepted text is not version %s of %s" % (price["version"], price["plan"]),
        )
        if price["origin"] != "plan":
            self.report.skip(name, "its price is %s; the text of that agreement is with the contract" % price["origin"])
            return
        row = next((p for p in json.loads(version["text"])["prices"] if p["code"] == price["code"]), None)
        same = row is not None and numbers(dict(row["params"], model=row["model"])) == numbers(price["params"])
        self.report.check("prices", same, "price_changed", name, "its price is not that of the published version")

    # usage

    def usage(self, line, how, name):
        if line["tenant"] != self.pack.tenant:
            self.report.skip(
                name, "its records are those of %s: rated from the quantity that is stated" % line["tenant"]
            )
            return self.late(line, how, name, *self.rated(line, how, Fraction(how["measured"]), how["before"]))
        if how["opening"]:
            self.report.skip(name, "the level before the period is taken as the pack states it")
        if Fraction(how["paid_above"]):
            self.report.skip(name, "%s are paid for by another price, as the pack states" % how["paid_above"])
        covered = sum((Fraction(part["quantity"]) for part in how["packs"]), Fraction(0))
        self.report.check(
            "resource packs",
            covered == Fraction(how["covered"]),
            "packs",
            name,
            "its packs do not add up to what they cover",
        )
        for part in how["packs"]:
            self.report.check(
                "resource packs",
                Fraction(part["quantity"]) <= Fraction(part["holds"]),
                "packs",
                name,
                "a pack gives more than it holds",
            )
        found = None
        for known in self.known(how):
            quantity, before, transactions = self.measured(how, known)
            tried = self.late(line, how, name, *self.rated(line, how, quantity, before, transactions))
            found = found or (quantity, tried)
            if quantity == Fraction(how["measured"]) and tried[0] == line["amount_minor"]:
                found = quantity, tried
                break
        quantity, worked = found
        said = "%s is stated as measured, the records say %s" % (how["measured"], written(quantity))
        self.report.check("measures", quantity == Fraction(how["measured"]), "line_measure", name, said)
        return worked

    def known(self, how):
        """Yield until when a record had to be told to count: before the close; at it; or a little before, for those that
        were on their way while it measured."""
        closed = micros(moment(how["known_at"]))
        yield closed
        yield closed + 1
        late = {
            e.received for e in self.pack.usage.get(how["meter"], []) if closed - 600 * 10**6 <= e.received < closed
        }
        yield from sorted(late, reverse=True)[:50]

    def measured(self, how, known):
        events = self.pack.usage.get(how["meter"], [])
        first = micros(moment(how["counted_from"]))
        start, end = (micros(moment(edge)) for edge in how["part"])
        quantity, before = measure(events, how, first, end, known), None
        if start > first:
            earlier = measure(events, how, first, start, known)
            quantity, before = max(Fraction(0), quantity - earlier), earlier - Fraction(how["covered_before"])
        single = [e.quantity for e in events if start <= e.at < end and e.counts(known) and takes(how, e.dimension)]
        return quantity, before, single

    def rated(self, line, how, quantity, before, transactions=None):
        """Return amount (fen) and paid quantity of a measure: the whole less what came before it (rule 8)."""
        params, currency = dict(line["price"]["params"]), line["currency"]
        params["included"] = written(Fraction(params.get("included") or 0) + Fraction(how["paid_above"]))
        quantity = max(Fraction(0), quantity - Fraction(how["covered"]))
        single = transactions if params["model"] == "percentage" else None
        if before is None:
            total = quantity if single is None else sum(single, Fraction(0))
            return minor(price_of(params, total, single), currency), paid_quantity(params, total)
        before = Fraction(before)
        total = before + quantity if single is None else before + sum(single, Fraction(0))
        whole = price_of(params, total, None if single is None else [before] + single)
        amount = minor(whole, currency) - minor(price_of(params, before), currency)
        return max(0, amount), max(Fraction(0), paid_quantity(params, total) - paid_quantity(params, before))

    def late(self, line, how, name, amount, quantity):
        """Of a later measure only the difference is charged; below zero it is given back after discount (rule 14)."""
        if line["reason"] != "late":
            return amount, quantity
        billed = how["billed"]
        self.report.check(
            "corrections",
            billed["amount_minor"] == how["again"]["amount_minor"],
            "billed_before",
            name,
            "what was billed before does not add up",
        )
        self.chained(how["again"]["charges"], billed["amount_minor"], name)
        changed, quantity = amount - billed["amount_minor"], quantity - Fraction(billed["quantity"])
        if changed >= 0:
            return changed, quantity
        capped = how.get("capped")
        return -(soften(how["chain"], capped, -changed) if capped else undo(how["chain"], -changed)), quantity

    def chained(self, charges, amount, name):
        """Where all the charges that are put right are in this pack, their amounts must add up."""
        if charges and all(pk in self.by_id for pk in charges):
            total = sum(self.by_id[pk]["undiscounted_minor"] for pk in charges)
            self.report.check(
                "corrections", total == amount, "billed_before", name, "the corrected lines come to another sum"
            )

    # prices by quantity

    def share(self, line, how, name):
        self.days(line, how["share"], name)
        return self.shared(line, how["quantity"], how["share"]), None

    def shared(self, line, quantity, share):
        exact = price_of(line["price"]["params"], Fraction(quantity))
        if share["unit"] == "whole":
            return minor(exact, line["currency"])
        return minor(exact * Fraction(share["used"], share["whole"]), line["currency"])

    def raised(self, line, how, name):
        self.days(line, how["share"], name)
        after, before = (self.shared(line, how[side], how["share"]) for side in ("after", "before"))
        flat = line["price"]["params"]["model"] == "flat"
        quantity = Fraction(1) if flat else Fraction(how["after"]) - Fraction(how["before"])
        return max(0, after - before), quantity

    def days(self, line, share, name):
        """The part of the period that is charged follows from its days."""
        service, whole = line["service"], share["whole_period"]
        if share["unit"] == "day":
            right = (days(*service), days(*whole)) == (share["used"], share["whole"])
        elif share["unit"] == "second" and share["since"]:
            ends = midnight(service[1], line["zone"])
            used = (ends - moment(share["since"])) // timedelta(seconds=1)
            total = (midnight(whole[1], line["zone"]) - midnight(whole[0], line["zone"])) // timedelta(seconds=1)
            right = (used, total) == (share["used"], share["whole"])
        elif share["unit"] == "second":
            self.report.skip(name, "its seconds are taken as the pack states them")
            return
        else:
            right = share["one_off"] or share["proration"] != "day" or days(*service) == days(*whole)
        said = "%s of %s are charged; its days are %s to %s" % (share["used"], share["whole"], service[0], service[1])
        self.report.check("days", right, "line_days", name, said)

    # credits and commitments

    def credit(self, line, how, name):
        if how["unit"] == "day":
            self.report.check(
                "days",
                days(*line["service"]) == how["unused"],
                "line_days",
                name,
                "the unused days are not those of the line",
            )
        removed, held = (Fraction(part) for part in how["share"])
        total = 0
        for part in how["gives_back"]:
            unused = min(how["unused"], part["covered"])
            amount = half_up(part["net_minor"] * Fraction(unused, part["covered"]) * removed / held)
            for given, _undiscounted, covered in part["earlier"]:
                amount -= half_up(given * Fraction(min(unused, covered), covered) * removed / held)
            left = part["net_minor"] - sum(given for given, _u, _c in part["earlier"])
            total += max(0, min(amount, left))
            self.net(part, name)
        return -total, None

    def net(self, part, name):
        line = self.by_id.get(part["charge"])
        if line is None:
            self.report.skip(name, "it gives back a line of another period; that line is taken as the pack states it")
            return
        net = line["amount_minor"] - sum(one["amount_minor"] for one in line["discounts"])
        self.report.check(
            "credits", net == part["net_minor"], "credit_source", name, "the line it gives back came to another amount"
        )

    def minimum(self, line, how, name):
        least = sum(half_up(Fraction(c["minimum_minor"] * c["used"], c["whole"])) for c in how["commitments"])
        self.report.check(
            "commitments", least == how["least_minor"], "minimum", name, "the commitment by days is another amount"
        )
        for pk, _code, amount in how["charged"]:
            if pk in self.by_id:
                same = self.by_id[pk]["undiscounted_minor"] == amount
                self.report.check(
                    "commitments", same, "minimum", name, "a line that counts towards it has another amount"
                )
        missing = (
            max(0, how["least_minor"] - sum(amount for _pk, _code, amount in how["charged"])) - how["billed_minor"]
        )
        return (missing if missing >= 0 else -undo(how.get("chain", []), -missing)), None

    def stated(self, line, how, name):
        self.report.skip(name, "its amount is taken from its steps: the rule behind it needs more than a pack holds")

    def steps(self, line, name):
        """The steps that a customer reads multiply and add up; those of a difference explain the whole."""
        total = Fraction(0)
        for step in line["steps"]:
            amount = Fraction(step["amount"])
            total += amount
            if step["code"] not in ("proration", "credit", "pack"):
                product = Fraction(step["quantity"]) * Fraction(step["unit_amount"])
                self.report.check(
                    "steps", product == amount, "line_steps", name, "a step does not multiply: " + step["en"]
                )
        if line["steps"] and line["reason"] != "late" and line["kind"] != "minimum" and line["amount_minor"] > 0:
            whole = minor(total, line["currency"])
            right = abs(whole - line["amount_minor"]) <= (1 if any(s["code"] == "before" for s in line["steps"]) else 0)
            self.report.check("steps", right, "line_steps", name, "its steps do not add up to its amount")


def undo(chain, undone):
    """Return what an amount that is undone gives back, newest line first: each line's net × its part (rule 14)."""
    total = 0
    for line in sorted(chain, key=lambda line: -line["charge"]):
        taken = min(undone, line["undiscounted_minor"] - sum(one[1] for one in line["earlier"]))
        if taken <= 0:
            continue
        amount = half_up(Fraction(line["net_minor"] * taken, line["undiscounted_minor"]))
        total += max(0, min(amount, line["net_minor"] - sum(one[0] for one in line["earlier"])))
        undone -= taken
    return total


def soften(chain, capped, undone):
    """Return what an amount that is undone gives back where caps had taken something off: first, whole, what they let go
    (nobody was asked for it); then of what was paid for the rest."""
    total = covered = 0
    for kind, freed in capped["freed"].items():
        part = min(freed, undone - covered)
        covered += part
        for _charge, amount, before in sorted(capped["given"][kind], reverse=True):
            taken = min(part, before)
            if taken > 0:
                total += half_up(Fraction(amount * taken, before))
                part -= taken
    left = [
        {
            "charge": line["charge"],
            "undiscounted_minor": line["undiscounted_minor"] - sum(one[1] for one in line["earlier"]),
            "net_minor": line["net_minor"] - sum(one[0] for one in line["earlier"]),
            "earlier": [],
        }
        for line in chain
    ]
    return total + undo(left, undone - covered)


def numbers(params):
    """Return a price with its numbers as numbers, without what is left out or zero."""
    if isinstance(params, list):
        return [numbers(one) for one in params]
    if isinstance(params, dict):
        kept = {key: numbers(value) for key, value in params.items() if value is not None or key == "up_to"}
        return {
            key: value for key, value in kept.items() if value != 0 or key in ("amount", "rate", "up_to", "free_count")
        }
    return Fraction(params) if isinstance(params, str) and params[:1] in "0123456789-." else params


def where(line):
    document = line.get("invoice") or line.get("credit_note") or "no document"
    return "%s, line %s (%s, %s to %s)" % (document, line.get("position"), line["code"], *line["service"])


# --- documents --------------------------------------------------------------------------------------------------------


def check_bills(pack, report):
    """Discounts, tax and totals of every bill."""
    by_id = {line["charge"]: line for line in pack.lines}
    for bill in pack.invoices:
        name = bill["number"]
        lines = [by_id[pk] for pk in bill["lines"] if pk in by_id]
        if not report.check(
            "bills", len(lines) == len(bill["lines"]), "line_missing", name, "a line is missing from lines.json"
        ):
            continue
        for line in lines:
            check_tax(line, bill["tax_inclusive"], report)
        check_coupons(bill, lines, report)
        sums = {
            "subtotal_minor": sum(line["amount_minor"] for line in lines),
            "discount_minor": sum(line["discount_minor"] for line in lines),
            "tax_minor": sum(line["tax_minor"] for line in lines),
            "total_minor": sum(line["gross_minor"] for line in lines),
        }
        for key, total in sums.items():
            said = "%s is %s, its lines come to %s" % (
                key[:-6],
                money(bill[key], bill["currency"]),
                money(total, bill["currency"]),
            )
            report.check("totals", bill[key] == total, "total", name, said)
        due = bill["total_minor"] - bill["paid_minor"] - bill["credited_minor"]
        report.check(
            "totals", bill["due_minor"] == due, "total", name, "what is due is not total less paid less credited"
        )
    stray = [line for line in pack.lines if line["invoice"] and line["tenant"] == pack.tenant]
    known = {bill["number"]: set(bill["lines"]) for bill in pack.invoices}
    for line in stray:
        if line["invoice"] in known:
            report.check(
                "bills",
                line["charge"] in known[line["invoice"]],
                "line_extra",
                where(line),
                "the bill does not hold it",
            )


def check_tax(line, inclusive, report):
    """Tax is computed on each line's discounted amount (rule 12)."""
    name, off = where(line), sum(one["amount_minor"] for one in line["discounts"])
    report.check(
        "discounts", off == line["discount_minor"], "discount", name, "its coupons do not add up to its discount"
    )
    amount, rate = line["amount_minor"] - line["discount_minor"], Fraction(line["tax_rate"])
    tax = half_up(amount * rate / (1 + rate)) if inclusive else half_up(amount * rate)
    gross = amount if inclusive else amount + line["tax_minor"]
    report.check("tax", line["gross_minor"] == gross, "tax", name, "amount, discount and tax do not come to its total")
    if amount < 0:
        # What a credit returns depends on what was returned before: it may differ by the rounding of each part.
        parts = max(1, len(line["how"].get("gives_back", line["how"].get("chain", [])))) + 1
        report.check("tax", abs(tax - line["tax_minor"]) <= parts, "tax", name, "its tax is not that of its amount")
    else:
        said = "tax is %s, %s comes out" % (money(line["tax_minor"], line["currency"]), money(tax, line["currency"]))
        report.check("tax", tax == line["tax_minor"], "tax", name, said)


def check_coupons(bill, lines, report):
    """Each coupon takes off what it gives, spread over its lines by largest remainder (rule 10): of what caps leave."""
    left = {line["charge"]: line["amount_minor"] for line in lines}
    for pk, off in bill.get("capped", []):
        if pk in left:
            left[pk] -= off
    stated = {(one["redemption"], line["charge"]): one["amount_minor"] for line in lines for one in line["discounts"]}
    known = set()
    for coupon in bill["coupons"]:
        mine = [(pk, part) for pk, part in coupon["parts"] if pk in left]
        weights = [max(0, left[pk]) if part is not None else 0 for pk, part in mine]
        taken = taken_off(coupon, mine, weights)
        for (pk, _part), off in zip(mine, taken):
            known.add((coupon["redemption"], pk))
            found = stated.get((coupon["redemption"], pk), 0)
            said = "coupon %s takes %s off, %s comes out" % (
                coupon["coupon"],
                money(found, bill["currency"]),
                money(off, bill["currency"]),
            )
            report.check("discounts", found == off, "discount", "%s, charge %s" % (bill["number"], pk), said)
            left[pk] -= off
        if coupon["amount_minor"] is not None and coupon["duration"] != "once":
            report.skip(
                "%s, coupon %s" % (bill["number"], coupon["coupon"]),
                "what it gave on earlier bills of its period is taken as stated",
            )
    for redemption, pk in stated:
        if (redemption, pk) not in known:
            report.fault(
                "discount",
                "%s, charge %s" % (bill["number"], pk),
                "a coupon that the bill does not name takes something off",
            )


def taken_off(coupon, lines, weights):
    if coupon["percent"] is not None:
        share = Fraction(coupon["percent"]) / 100
        if coupon["applies_to"]:
            taken = [half_up(share * weight) for weight in weights]
        else:
            taken = allocate(half_up(share * sum(weights)), weights)
    else:
        taken = [0] * len(weights)
        for part, rest in coupon["rest"].items():
            own = [weight if name == part else 0 for weight, (_pk, name) in zip(weights, lines)]
            taken = [a + b for a, b in zip(taken, allocate(min(rest, sum(own)), own))]
    if coupon["most"] is not None:
        taken = allocate(min(coupon["most"], sum(taken)), taken)
    return taken


def check_notes(pack, report):
    """Credit notes: their lines, their sums, and never more than the bill."""
    back, tax = defaultdict(int), defaultdict(int)
    for note in pack.notes:
        name = note["number"]
        sums = sum(part["gross_minor"] for part in note["lines"]), sum(part["tax_minor"] for part in note["lines"])
        report.check(
            "credit notes",
            sums == (note["total_minor"], note["tax_minor"]),
            "credit_note",
            name,
            "its lines do not add up",
        )
        report.check(
            "credit notes",
            note["returned_minor"] <= note["total_minor"],
            "credit_note",
            name,
            "more returns than is credited",
        )
        for part in note["lines"]:
            within = part["gross_minor"] <= max(part["of_gross_minor"], 0)
            report.check("credit notes", within, "credit_note", name, "more is credited than the line came to")
        back[note["invoice"]] += note["total_minor"]
        tax[note["invoice"]] += note["tax_minor"]
        right = (
            back[note["invoice"]] <= note["invoice_total_minor"] and tax[note["invoice"]] <= note["invoice_tax_minor"]
        )
        report.check("credit notes", right, "credit_note", name, "more is credited than the bill came to")
    for line in pack.lines:
        if line.get("credit_note"):
            check_tax(line, line["tax_inclusive"], report)


# --- what was agreed, announced and taken -----------------------------------------------------------------------------


def check_texts(pack, report):
    """The texts that were accepted have the hashes that are on record."""
    for row in pack.authorisations:
        text = hashlib.sha256(row["text"].encode()).hexdigest()
        report.check(
            "texts",
            text == row["text_sha256"],
            "text_hash",
            "authorisation %s" % row["id"],
            "its text is not the one whose hash was kept",
        )
    for row in pack.versions.values():
        text = hashlib.sha256(row["text"].encode()).hexdigest()
        name = "%s version %s" % (row["plan"], row["version"])
        report.check(
            "texts", text == row["sha256"], "text_hash", name, "its text is not the one whose hash was published"
        )


def check_notices(pack, report):
    """A notice counts from its delivery; the delivery is one that a server (or the reader) made."""
    messages = {row["key"]: row for row in pack.messages}
    for row in pack.deductions:
        name = "notice %s" % row["id"]
        if row["delivered_at"] is None:
            continue
        waits = row["charge_at"] is not None and moment(row["charge_at"]) >= moment(row["delivered_at"]) + WAIT
        report.check("notices", waits, "notice_wait", name, "it may be deducted less than 120 hours after its delivery")
        if row["via"] == "confirmation" or not row["total_minor"]:
            continue
        message = messages.get(row["key"])
        if message is None:
            report.fault("delivery", name, "the message that announced it is not in the pack")
            continue
        moments = [one["at"] for one in message["deliveries"] if one["ok"]]
        moments += [one["at"] for one in message["openings"]]
        if not moments:
            report.skip(name, "when it was delivered is stated by the seller alone")
            continue
        right = moment(row["delivered_at"]) in {moment(at) for at in moments}
        said = "no server accepted it, and nobody opened it, at the time of delivery that it states"
        report.check("notices", right, "delivery", name, said)
        due = moment(row["charge_at"]) if row["charge_at"] else None
        back = {one["address"] for one in message["bounces"] if due and moment(one["at"]) < due}
        there = [one for one in message["deliveries"] if one["ok"] and one["address"] not in back]
        kept = bool(there or message["openings"])
        report.check("notices", kept, "bounced", name, "it came back before the day of the deduction")


def check_payments(pack, report):
    """Every automatic deduction: authorised, announced 120 hours before, within its ceiling and its notices."""
    authorisations = {row["id"]: row for row in pack.authorisations}
    notices = {row["id"]: row for row in pack.deductions}
    groups = []
    for payment in pack.payments:
        name = "payment %s" % payment["reference"]
        part = sum(one["amount_minor"] for one in payment["allocations"])
        report.check(
            "payments", part <= payment["amount_minor"], "payment_allocated", name, "more is allocated than was paid"
        )
        if payment["basis"] != "automatic":
            continue
        # Decided when it was written down; a provider may have said so later.
        taken = moment(payment["recorded_at"])
        covered(payment, authorisations.get(payment["authorisation"]), taken, name, pack, report)
        told = [notices[pk] for pk in payment["notices"] if pk in notices]
        if not report.check("deductions", bool(told), "no_notice", name, "no notice announced it"):
            continue
        for notice in told:
            late = notice["delivered_at"] is None or moment(notice["delivered_at"]) + WAIT > taken
            report.check(
                "deductions",
                not late,
                "notice_late",
                name,
                "notice %s was not delivered 120 hours before" % notice["id"],
            )
            early = notice["charge_at"] is None or moment(notice["charge_at"]) > taken
            report.check(
                "deductions",
                not early,
                "before_notice",
                name,
                "it was taken before the day that notice %s names" % notice["id"],
            )
        if payment["status"] == "succeeded":
            groups.append((set(payment["notices"]), payment["amount_minor"], [name]))
    for ids, amount, names in merged(groups):
        most = sum(notices[pk]["total_minor"] for pk in ids if pk in notices)
        report.check(
            "deductions", amount <= most, "above_notice", ", ".join(names), "more was taken than was announced"
        )
    check_months(pack, authorisations, report)


def covered(payment, authorisation, taken, name, pack, report):
    if not report.check(
        "deductions", authorisation is not None, "no_authorisation", name, "no authorisation covers it"
    ):
        return
    given, withdrawn = moment(authorisation["given_at"]), authorisation["withdrawn_at"]
    live = given <= taken and (withdrawn is None or moment(withdrawn) >= taken)
    report.check("deductions", live, "authorisation_not_in_force", name, "its authorisation was not in force then")
    ceiling_minor = authorisation["ceiling_minor"]
    within = ceiling_minor is None or payment["amount_minor"] <= ceiling_minor
    report.check("deductions", within, "above_ceiling", name, "it is above the ceiling of its authorisation")
    report.check(
        "deductions",
        authorisation["currency"] == payment["currency"],
        "authorisation_currency",
        name,
        "another currency was authorised",
    )
    scope = {item.strip() for item in authorisation["scope"].split(",")}
    bills = {part["invoice"] for part in payment["allocations"]} or {payment["invoice"]}
    lines = [line for line in pack.lines if line["invoice"] in bills and line["amount_minor"] > 0]
    report.check(
        "deductions",
        all(in_scope(line, scope) for line in lines),
        "out_of_scope",
        name,
        "its authorisation is for other things",
    )


def in_scope(line, scope):
    items = {"all", "subscription:%s" % line["subscription"], "overage" if line["kind"] == "usage" else "renewal"}
    return bool(scope & (items | {"module:%s" % line["code"]}))


def check_months(pack, authorisations, report):
    taken = defaultdict(int)
    for payment in pack.payments:
        if (
            payment["basis"] == "automatic"
            and payment["status"] == "succeeded"
            and payment["authorisation"] in authorisations
        ):
            local = moment(payment["received_at"]).astimezone(ZoneInfo(pack.zone))
            taken[payment["authorisation"], local.year, local.month] += payment["amount_minor"]
    for (pk, year, month), amount in taken.items():
        most = authorisations[pk]["per_month_minor"]
        said = "more was taken in %d-%02d than it lets be taken in a month" % (year, month)
        report.check("deductions", most is None or amount <= most, "above_month", "authorisation %s" % pk, said)


def merged(groups):
    """Put payments together that share a notice."""
    found = []
    for ids, amount, names in groups:
        for other in [one for one in found if one[0] & ids]:
            found.remove(other)
            ids, amount, names = ids | other[0], amount + other[1], other[2] + names
        found.append((ids, amount, names))
    return found


# --- the book ---------------------------------------------------------------------------------------------------------


def check_ledger(pack, report):
    """Each transaction balances, and is what its hash says."""
    sides = defaultdict(list)
    for row in pack.ledger:
        sides[row["transaction"]].append(row)
    for number, rows in sides.items():
        name, head = "ledger transaction %s" % number, rows[0]
        report.check(
            "ledger",
            sum(int(row["amount_minor"]) for row in rows) == 0,
            "ledger_unbalanced",
            name,
            "it does not sum to zero",
        )
        fields = [
            head[key] for key in ("transaction", "seller", "currency", "tenant", "source", "source_id", "kind", "at")
        ]
        postings = ",".join(
            ":".join(
                (
                    row["account"],
                    row["account_seller"],
                    row["account_currency"],
                    row["account_tenant"],
                    row["amount_minor"],
                )
            )
            for row in rows
        )
        digest = hashlib.sha256("|".join([*fields, postings]).encode()).hexdigest()
        report.check("ledger", digest == head["sha256"], "ledger_hash", name, "it is not what its hash was made of")
        if not head["seal"]:
            report.skip("ledger", "what was booked last is not sealed yet")
    if sides:
        report.skip(
            "ledger", "that the hashes lie under the seals is proven by the seller's book, which holds others' data too"
        )
    for payment in pack.payments:
        if payment["status"] == "succeeded":
            there = payment["ledger"] and all(str(pk) in sides for pk in payment["ledger"])
            report.check(
                "ledger",
                bool(there),
                "payment_not_booked",
                "payment %s" % payment["reference"],
                "the book does not hold it",
            )


# --- the pack ---------------------------------------------------------------------------------------------------------


class Pack:
    """A pack that was read; whatever cannot be read raises Unreadable."""

    def __init__(self, path):
        try:
            self.zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise Unreadable("%s is no ZIP file that can be read (%s)." % (path, error)) from error
        self.names = self.zip.namelist()
        for name in self.names:
            if name.startswith("/") or "\\" in name or ".." in name.split("/"):
                raise Unreadable("The ZIP names a file outside itself: %r." % name)
        if len(set(self.names)) != len(self.names):
            raise Unreadable("The ZIP holds a name twice.")
        for name in ("manifest.json", "manifest.sig", *NEEDED):
            if name not in self.names:
                raise Unreadable("%s is missing." % name)
        self.manifest_bytes = self.read("manifest.json")
        self.manifest = self.json("manifest.json")
        if self.manifest.get("format") != FORMAT:
            raise Unreadable("This program reads %s, not %r." % (FORMAT, self.manifest.get("format")))
        self.signatures = self.json("manifest.sig")
        self.tenant, self.zone = self.manifest["tenant"]["code"], self.manifest["zone"]
        self.lines = self.json("lines.json")
        self.invoices, self.notes = self.json("invoices.json"), self.json("credit_notes.json")
        self.versions = {(row["plan"], row["version"]): row for row in self.json("prices.json")}
        self.authorisations, self.payments = self.json("authorisations.json"), self.json("payments.json")
        told = self.json("notices.json")
        self.deductions, self.messages = told["deductions"], told["messages"]
        self.ledger = self.table("ledger.csv")
        self.usage = {}

    def read(self, name):
        try:
            return self.zip.read(name)
        except (zipfile.BadZipFile, OSError, RuntimeError) as error:
            raise Unreadable("%s cannot be read (%s)." % (name, error)) from error

    def json(self, name):
        try:
            return json.loads(self.read(name).decode())
        except ValueError as error:
            raise Unreadable("%s is no JSON (%s)." % (name, error)) from error

    def table(self, name):
        return list(csv.DictReader(io.StringIO(self.read(name).decode(), newline="")))


def check_files(pack, report):
    """Every file is listed with its hash, and every listed file is there."""
    listed = pack.manifest["files"]
    for name in pack.names:
        if name in ("manifest.json", "manifest.sig"):
            continue
        if report.check("files", name in listed, "file_unlisted", name, "the manifest does not list it"):
            digest = hashlib.sha256(pack.read(name)).hexdigest()
            report.check(
                "files", digest == listed[name]["sha256"], "file_changed", name, "its hash is not that of the manifest"
            )
    for name in listed:
        report.check("files", name in pack.names, "file_missing", name, "the manifest lists it and it is not there")


def check_signature(pack, public_keys, report):
    """The seller signed the manifest, with the key that was published."""
    if not report.check("signatures", bool(pack.signatures), "signature", "manifest.sig", "nobody signed it"):
        return
    signers = {row["fingerprint"] for row in pack.manifest["signed_by"]}
    for row in pack.signatures:
        name = "signature of %s" % row["seller"]
        try:
            public, signature = base64.b64decode(row["public_key"]), base64.b64decode(row["signature"])
        except ValueError:
            report.fault("signature", name, "it is no Base64")
            continue
        fingerprint = hashlib.sha256(public).hexdigest()
        right = is_signed(public, pack.manifest_bytes, signature)
        report.check("signatures", right, "signature", name, "it is not over this manifest")
        named = fingerprint == row["fingerprint"] and fingerprint in signers
        report.check("signatures", named, "key", name, "the key is not the one that the manifest names")
        if public_keys:
            known = fingerprint in public_keys or row["public_key"] in public_keys
            report.check("signatures", known, "key", name, "the key is not the one that you gave")
        else:
            report.skip(
                name,
                "compare the fingerprint %s with the one that the seller publishes, or give --public-key" % fingerprint,
            )
    missing = signers - {row["fingerprint"] for row in pack.signatures}
    report.check(
        "signatures", not missing, "signature", "manifest.sig", "a seller that the manifest names did not sign"
    )


def verify(path, public_keys=()):
    """Return the pack and the report on it; raise Unreadable."""
    try:
        pack, report = Pack(path), Report()
        check_files(pack, report)
        check_signature(pack, set(public_keys), report)
        pack.usage = read_usage(pack.table("usage.csv"), report)
        check_texts(pack, report)
        Lines(pack, report).check()
        check_bills(pack, report)
        check_notes(pack, report)
        check_notices(pack, report)
        check_payments(pack, report)
        check_ledger(pack, report)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Unreadable("The pack does not have the form of %s: %r." % (FORMAT, error)) from error
    return pack, report


def told(pack, report):
    """Return the report as text."""
    manifest = pack.manifest
    rows = [
        "Evidence pack of %s (%s), %s to %s (the last day not in it), made %s"
        % (manifest["tenant"]["name"], pack.tenant, *manifest["period"], manifest["made_at"]),
        "Manifest SHA-256 %s" % hashlib.sha256(pack.manifest_bytes).hexdigest(),
        "",
        "Checked",
    ]
    rows += ["  %-20s %8d" % (kind, count) for kind, count in sorted(report.checked.items())]
    rows += ["", "Does not agree: %d" % len(report.faults)]
    rows += ["  [%s] %s: %s" % (one["code"], one["where"], one["what"]) for one in report.faults]
    rows += ["", "Cannot be checked here: %d" % len(report.unchecked)]
    rows += ["  %s: %s" % (one["where"], one["what"]) for one in report.unchecked]
    rows += ["", "ALL AGREES" if not report.faults else "SOMETHING DOES NOT AGREE"]
    return "\n".join(rows)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="verify_pack.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", help="the ZIP file")
    parser.add_argument(
        "--public-key",
        action="append",
        default=[],
        help="the seller's key in Base64, or its fingerprint (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    asked = parser.parse_args(arguments)
    try:
        pack, report = verify(asked.pack, asked.public_key)
    except Unreadable as error:
        sys.stdout.write(
            json.dumps({"unreadable": str(error)}) + "\n" if asked.json else "Cannot be read: %s\n" % error
        )
        return 2
    if asked.json:
        found = {
            "agrees": not report.faults,
            "faults": report.faults,
            "unchecked": report.unchecked,
            "checked": dict(report.checked),
        }
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(told(pack, report) + "\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
