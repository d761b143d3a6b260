"""What goes wrong, by switch: `decline`, `timeout@alipay.trade.pay`, `callback_lost@refund*3`, `decline*all=BANKERROR`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from django.utils.translation import gettext_lazy as _

# Each fault and what it means; shown on the page and by `--help`.
MEANINGS = {
    "decline": _("a payment or a debit is declined; =CODE is the provider's code of a debit"),
    "timeout": _("a request is not carried out and gets no answer"),
    "answer_lost": _("a request is carried out, and its answer never arrives"),
    "error": _("a request is not carried out and gets 502"),
    "busy": _("a request is not carried out; the provider says that it does not know (20000, SYSTEM_ERROR)"),
    "answer_forged": _("a request is carried out; its answer has a wrong signature"),
    "unsign": _("the user ends the contract just before the next debit"),
    "refund_abnormal": _("a refund finds the payer's account gone"),
    "callback_lost": _("a callback is never sent"),
    "callback_doubled": _("a callback is sent twice"),
    "callback_reordered": _("a callback waits until the next one has been sent"),
    "callback_late": _("a callback is first sent late; =SECONDS (600)"),
    "callback_stale": _("the first attempt was signed ten minutes ago"),
    "callback_forged": _("the first attempt has a wrong signature"),
    "callback_amount": _("a callback says one yuan more, at every attempt"),
    "callback_merchant": _("a callback is another merchant's, at every attempt"),
    "statement_extra": _("a bill has a row that never happened"),
    "statement_missing": _("a bill lacks its first row"),
    "statement_amount": _("a bill says one yuan more in its first row"),
}
FORM = re.compile(r"(?P<name>\w+)(?:@(?P<where>[^*=]+))?(?:\*(?P<times>\d+|all))?(?:=(?P<value>.*))?")
ENDLESS = -1


class UnknownFault(ValueError):
    """A fault that the sandbox does not have, or that cannot be read."""


@dataclass(slots=True)
class Fault:
    """A fault to come: where (a part of an operation's name), how often (-1: always), and a value that some take."""

    name: str
    where: str = ""
    times: int = 1
    value: str = ""


def read(text: str) -> Fault:
    """Return the fault that a switch names; raise UnknownFault."""
    found = FORM.fullmatch(text.strip())
    if not found or found["name"] not in MEANINGS:
        raise UnknownFault(f"{text!r}: one of {', '.join(MEANINGS)}, as name@where*times=value")
    times = found["times"] or "1"
    return Fault(found["name"], found["where"] or "", ENDLESS if times == "all" else int(times), found["value"] or "")


def _within(where: str, word: str) -> bool:
    """Say whether a fault is meant: a method or a path may be named in part, a provider or a kind only whole."""
    return where in word if "." in word or "/" in word else where == word


class Faults:
    """The faults that are set. Each is used up by what it befalls, in the order in which they were set."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._lock = Lock()
        self._set = [read(text) for text in texts]

    def add(self, text: str) -> None:
        """Set a fault; raise UnknownFault."""
        fault = read(text)
        with self._lock:
            self._set.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._set]

    def take(self, name: str, *about: str) -> Fault | None:
        """Return the fault of this name that befalls what is described by the words, and use it up."""
        with self._lock:
            for fault in self._set:
                if fault.name == name and (not fault.where or any(_within(fault.where, word) for word in about)):
                    self._use(fault)
                    return Fault(fault.name, fault.where, 1, fault.value)
        return None

    def _use(self, fault: Fault) -> None:
        if fault.times != ENDLESS:
            fault.times -= 1
        if fault.times == 0:
            self._set.remove(fault)
