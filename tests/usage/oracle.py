"""What a quantity is, reckoned the slow and obvious way, one event at a time."""

from collections import defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext


def living(events: list[dict]) -> list[dict]:
    """The uses that no void takes back, in order of instant and key."""
    gone = {event["void"] for event in events if "void" in event}
    uses = [event for event in events if "void" not in event and event["key"] not in gone]
    return sorted(uses, key=lambda event: (event["occurred_at"], event["key"]))


def taken(event: dict, match: dict, others: list[dict]) -> bool:
    """Whether a price takes the event, whose region is its only dimension."""
    has = {name: value for name, value in event["properties"].items() if name == "region"}
    if match:
        return match.items() <= has.items()
    return not any(other and other.items() <= has.items() for other in others)


def levels(events: list[dict], start: datetime, end: datetime, recurring: bool) -> dict:
    """Of each region the level at the start, and the levels told in [start, end)."""
    found = defaultdict(lambda: [Decimal(0), []])
    for event in events:
        series = found[event["properties"].get("region")]
        if event["occurred_at"] < start:
            series[0] = Decimal(event["quantity"]) if recurring else Decimal(0)
        elif event["occurred_at"] < end:
            series[1].append((event["occurred_at"], Decimal(event["quantity"])))
    return found


def area(opening: Decimal, told: list, start: datetime, end: datetime) -> Decimal:
    """Value-seconds."""
    total, level, since = Decimal(0), opening, start
    for at, value in [*told, (end, Decimal(0))]:
        span = at - since
        total += level * (span.days * 86400 + span.seconds + Decimal(span.microseconds) / 1_000_000)
        level, since = value, at
    return total


def measure(events, aggregation, recurring, start, end, wanted=None, others=()) -> Decimal:
    """The quantity of [start, end) of the events that a price takes."""
    uses = [event for event in living(events) if taken(event, wanted or {}, list(others))]
    inside = [event for event in uses if start <= event["occurred_at"] < end]
    series = levels(uses, start, end, recurring).values()
    match aggregation:
        case "sum":
            return sum((Decimal(event["quantity"]) for event in inside), Decimal(0))
        case "count":
            return Decimal(len(inside))
        case "unique":
            return Decimal(len({event["properties"]["person"] for event in inside}))
        case "max":
            return max(
                (value for opening, told in series for value in [opening, *(v for _at, v in told)]), default=Decimal(0)
            )
        case "latest":
            return sum((told[-1][1] if told else opening for opening, told in series), Decimal(0))
    with localcontext(prec=60):
        whole = sum((area(opening, told, start, end) for opening, told in series), Decimal(0))
        span = end - start
        return (whole / (span.days * 86400 + span.seconds)).quantize(Decimal("1E-10"), ROUND_HALF_UP)
