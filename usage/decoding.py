"""What an event looks like on the wire, and every rule of form that needs no look at what is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _

from tenants.errors import DomainError, Invalid
from usage.meters import Known

BATCH = 5000
LONGEST_TEXT = 200
LONGEST_PROPERTIES = 8192
LONGEST_DIMENSION = 1000
# Numbers in properties beyond this many digits before or behind the point are no measurement.
DIGITS = 40
_QUANTITY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,10})?")
_AT = re.compile(r" - at `\$\.?(.*)`$")
_FIELD = re.compile(r"field `(.*?)`")

ACCEPTED, DUPLICATE, REFUSED = "accepted", "duplicate", "refused"


class TooMany(DomainError):
    """A batch has more events than one call may bring."""

    code = "batch_too_large"
    status = 413


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One event as it is sent: a use of a meter, or with `void` the taking back of an earlier event by its key."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    meter: str = ""
    quantity: str | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    properties: dict[str, Any] = {}
    void: str | None = None


class Answer(msgspec.Struct, omit_defaults=True, gc=False):
    """What became of one event; `code`, `path` and `message` say why it was refused and what to do."""

    key: str
    status: str
    code: str = ""
    path: str = ""
    message: str = ""


class Row(msgspec.Struct, omit_defaults=True, gc=False):
    """An event in the words of the statement: its place in the batch, key, meter, instant, quantity, member, dimension, properties."""

    i: int
    k: str
    m: int | None
    t: datetime | None = None
    q: str = "1"
    u: str = ""
    d: dict[str, str] = {}
    p: dict[str, Any] = {}

    def repeats(self, first: Row) -> bool:
        """Whether the row is plainly the same event as an earlier one of the batch; if not, the database compares."""
        same = (self.k, self.m, self.q, self.p) == (first.k, first.m, first.q, first.p)
        return same and self.i > first.i and (self.t is None or self.t == first.t)


class Refusal(Exception):
    """Why one event is refused; never leaves this app."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(message)
        self.code, self.path, self.message = code, path, message

    def answer(self, key: str) -> Answer:
        """Return the refusal as the answer to the event `key`."""
        return Answer(key, REFUSED, self.code, self.path, self.message)


_events = msgspec.json.Decoder(list[Event], float_hook=Decimal)
_event = msgspec.json.Decoder(Event, float_hook=Decimal)
_pieces = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder(float_hook=Decimal)
encoder = msgspec.json.Encoder(decimal_format="number")


def read(events: bytes | Sequence[Any]) -> list[Event | Answer]:
    """Return the batch's events in order; in the place of one of a wrong form, its refusal.

    `events` is JSON text of an array, or a sequence of dicts. Raises Invalid where there is no array at all, TooMany for
    more than 5,000 events.
    """
    found = _read_text(events) if isinstance(events, bytes) else [_one(event) for event in events]
    if len(found) > BATCH:
        raise TooMany(_("Send at most %(count)d events at a time.") % {"count": BATCH}, field="events")
    return found


def _read_text(text: bytes) -> list[Event | Answer]:
    try:
        return list(_events.decode(text))
    except (msgspec.ValidationError, UnicodeError):
        pass
    except msgspec.DecodeError as wrong:
        raise Invalid(_("The body is no JSON: %(error)s.") % {"error": wrong}, field="events") from wrong
    try:
        pieces = _pieces.decode(text)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise Invalid(_("Send one event, or a list of events."), field="events") from wrong
    return [_one(piece) for piece in pieces]


def _one(event: Any) -> Event | Answer:
    try:
        if isinstance(event, msgspec.Raw):
            return _event.decode(event)
        return msgspec.convert(event, Event)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        return _explain(str(wrong)).answer(_key_of(event))


def _key_of(event: Any) -> str:
    try:
        told = _any.decode(event) if isinstance(event, msgspec.Raw) else event
    except (msgspec.DecodeError, UnicodeError):
        return ""
    key = told.get("key") if isinstance(told, dict) else None
    return key[:120] if isinstance(key, str) else ""


def _explain(wrong: str) -> Refusal:
    """Return what to do about a complaint of the decoder."""
    place, field = _AT.search(wrong), _FIELD.search(wrong)
    path = place[1] if place else ""
    if field and "unknown" in wrong:
        return Refusal("unknown_field", field[1], _("An event has no field “%(name)s”.") % {"name": field[1]})
    advice = {
        "key": _("Give the event a key of 1 to 120 characters."),
        "meter": _("Name the meter by its code."),
        "quantity": _('Write the quantity as text, such as "1.5"; a JSON number loses digits on its way.'),
        "occurred_at": _("Write the instant with its zone, as 2026-01-31T09:00:00+08:00."),
        "void": _("Name the key of the event to take back."),
        "properties": _("Write the properties as an object of names and values."),
    }
    path = field[1] if field else path
    root = path.split(".")[0].split("[")[0]
    return Refusal("invalid", path, advice.get(root, _("Write the event as an object with key and meter.")))


def row(place: int, event: Event, meter: Known | None) -> Row:
    """Return the row of a use; raise Refusal where its form or the meter's rules are broken.

    Without a meter (an unknown or ended one) only what can be compared with a stored event is read.
    """
    _check_texts(event)
    told = _number(event.quantity, "quantity") if event.quantity is not None else "1"
    made = Row(place, event.key, meter.id if meter else None, event.occurred_at, told, p=event.properties)
    if meter is None:
        return made
    if meter.value_property:
        value = _property(event, meter.value_property)
        path = f"properties.{meter.value_property}"
        if meter.aggregation == "unique":
            made.u = _member(value, path)
        elif meter.aggregation != "count":
            made.q = _number(value, path)
    if meter.aggregation in ("count", "unique"):
        made.q = "1"
    if meter.dimensions:
        made.d = dimension(event.properties, meter.dimensions)
    return made


def check_void(event: Event) -> None:
    """Raise Refusal unless a void names its key and the event it takes back, and nothing else."""
    _check_texts(event)
    if event.meter or event.quantity is not None or event.occurred_at or event.properties:
        raise Refusal("invalid", "void", _("A void has a key and the key of the event to take back, nothing else."))
    if not event.void or len(event.void) > 120 or not _is_text(event.void):
        raise Refusal("invalid", "void", _("Name the key of the event to take back."))


def dimension(properties: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Return the values, as text, of the properties by which a meter is kept apart; absent and null ones are left out."""
    found = {name: text(properties[name]) for name in names if properties.get(name) is not None}
    for name, value in found.items():
        if len(value) > LONGEST_TEXT:
            raise Refusal(
                "too_long", f"properties.{name}", _("At most %(count)d characters.") % {"count": LONGEST_TEXT}
            )
    if found and len(encoder.encode(found)) > LONGEST_DIMENSION:
        raise Refusal("too_long", "properties", _("The values that prices depend on are too long together."))
    return found


def text(value: Any) -> str:
    """Return a property's value as text: true and false in small letters, 1.50 as 1.5."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    number = f"{Decimal(str(value)):f}"
    return number.rstrip("0").rstrip(".") if "." in number else number


def _check_texts(event: Event) -> None:
    if not _is_text(event.key):
        raise Refusal("invalid", "key", _("A key may not hold the character NUL."))
    length = 0
    for name, value in event.properties.items():
        if type(value) is not str or not (name.isprintable() and value.isprintable()):
            _check_property(name, value)
        length += len(name) + (len(value) if isinstance(value, str) else DIGITS) + 2
    # No character takes more than six bytes.
    if length * 6 > LONGEST_PROPERTIES and len(encoder.encode(event.properties)) > LONGEST_PROPERTIES:
        raise Refusal("too_long", "properties", _("The properties are longer than 8 KiB."))


def _check_property(name: str, value: Any) -> None:
    path = f"properties.{name}"
    if not _is_text(name):
        raise Refusal("invalid", "properties", _("A property's name may not hold the character NUL."))
    if isinstance(value, str):
        if not _is_text(value):
            raise Refusal("invalid", path, _("A property's value may not hold the character NUL."))
        return
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, dict | list | tuple) or not _is_modest(value):
        raise Refusal("invalid", path, _("A property's value is a text, a number, true, false or null."))


def _is_text(value: str) -> bool:
    """Whether the database can keep the text: neither NUL nor half a surrogate pair."""
    if value.isprintable():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _is_modest(value: Any) -> bool:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= DIGITS and abs(number.adjusted()) <= DIGITS


def _property(event: Event, name: str) -> Any:
    value = event.properties.get(name)
    if value is None or value == "":
        message = _("This meter reads the property “%(name)s”: send it.") % {"name": name}
        raise Refusal("missing_property", f"properties.{name}", message)
    return value


def _member(value: Any, path: str) -> str:
    member = text(value)
    if len(member) > LONGEST_TEXT:
        raise Refusal("too_long", path, _("At most %(count)d characters.") % {"count": LONGEST_TEXT})
    return member


def _number(value: Any, path: str) -> str:
    """Return the number as text; refuse a negative one, more than fifteen digits before the point or ten behind."""
    told = value if isinstance(value, str) else text(value) if not isinstance(value, bool) else ""
    if _QUANTITY.fullmatch(told):
        return told
    if told.startswith("-") and _QUANTITY.fullmatch(told[1:]):
        if not Decimal(told):
            return told[1:]
        raise Refusal("negative", path, _("A quantity is never negative; take an event back with a void."))
    message = _('Write a number of at most 15 digits before the point and 10 behind it, such as "1.5".')
    raise Refusal("invalid", path, message)
