"""The domain's refusals: named, translated, and mapped to HTTP in one place (`config.api`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _


class DomainError(Exception):
    """A refusal that a person can act upon.

    `message` is translated and says what to do next; `field` names the input it is about (a path such
    as `prices[0].tiers[1].up_to`), empty when it is about no single input. `code` is stable and read by programs.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422

    def __init__(self, message: str, *, field: str = "", **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.context = context

    def as_dict(self) -> dict[str, str]:
        """Return the error's one JSON shape: `code`, `path`, `message`."""
        return {"code": self.code, "path": self.field, "message": self.message}


class Invalid(DomainError):
    """An input breaks a rule of form."""

    code = "invalid"
    status = 400


class Mistakes(Invalid):
    """Several inputs break a rule; `mistakes` has one refusal for each, and the first speaks for all."""

    def __init__(self, mistakes: Sequence[DomainError]) -> None:
        super().__init__(mistakes[0].message, field=mistakes[0].field)
        self.mistakes = tuple(mistakes)


class NotFound(DomainError):
    """The thing named does not exist, or not for this person."""

    code = "not_found"
    status = 404


class NotAllowed(DomainError):
    """The person may not do this."""

    code = "not_allowed"
    status = 403


class Conflict(DomainError):
    """The request contradicts what is already there."""

    code = "conflict"
    status = 409


class WrongState(Conflict):
    """The thing is not in a state from which this can be done."""

    code = "wrong_state"


class NoTransaction(RuntimeError):
    """A well was written to outside a transaction: a mistake of the program, never of a person."""

    def __init__(self) -> None:
        super().__init__(_("This must be written in the transaction of its cause."))


class AskedWhileWriting(RuntimeError):
    """Rows that are being copied in asked the database, and would wait for ever: a mistake of the program."""
