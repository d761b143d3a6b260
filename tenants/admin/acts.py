"""Acts: the buttons of a record. Each asks on a page of its own, calls one verb, and says what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from tenants.errors import DomainError, Mistakes

Body = Callable[..., HttpResponse]


def act(
    description: Any,
    *,
    needs: str,
    icon: str = "",
    when: Callable[[Any], bool] | None = None,
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Body], Body]:
    """Make a method of an admin a button. It gets the row that it is for, or nothing where it is for the list.

    `needs` is the permission; `when` says of a row whether the act makes sense (else there is no button).
    """

    def decorate(body: Body) -> Body:
        @wraps(body)
        def page(self: Any, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
            if not request.user.has_perm(needs):
                raise PermissionDenied
            if object_id is None:
                return body(self, request)
            row = self.get_object(request, object_id)
            if row is None:
                raise Http404
            if when is not None and not when(row):
                messages.warning(
                    request, _("“%(row)s” has changed meanwhile; this can no longer be done.") % {"row": row}
                )
                return HttpResponseRedirect(address(row))
            return body(self, request, row)

        button = action(
            page, description=description, url_path=body.__name__.replace("_", "-"), icon=icon or None, variant=variant
        )
        button.needs, button.when = needs, when  # type: ignore[attr-defined]
        return button

    return decorate


@dataclass(frozen=True, kw_only=True)
class Question:
    """A page that asks before something is done: `lead` in words, `rows` as a table (heads first), a form, a button."""

    title: str
    button: str
    back: str
    lead: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    template: str = "admin/act.html"


class Nothing(forms.Form):
    """A question that needs no answer but yes."""


def ask(
    admin: Any, request: HttpRequest, question: Question, form: forms.Form, do: Callable[[dict[str, Any]], HttpResponse]
) -> HttpResponse:
    """Show `form`, and when it was sent and is valid answer with `do(cleaned_data)` in one transaction.

    What the verb refuses shows at its field.
    """
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                return do(form.cleaned_data)
        except DomainError as refusal:
            refuse(form, refusal)
    context = {**admin.admin_site.each_context(request), "question": question, "form": form, "opts": admin.model._meta}
    context |= {"title": question.title, "has_file_field": form.is_multipart()}
    return TemplateResponse(request, question.template, context)


def sent(request: HttpRequest) -> dict[str, Any]:
    """Return what a form is made of: the data and files of a POST, nothing before it."""
    return {"data": request.POST, "files": request.FILES} if request.method == "POST" else {}


def refuse(form: forms.Form, refusal: DomainError) -> None:
    """Put what a verb refuses at the fields it is about, or above the form with the path that it names."""
    for one in getattr(refusal, "mistakes", (refusal,)):
        known = one.field in form.fields
        path = "" if known or not isinstance(refusal, Mistakes) else f"{one.field}: "
        form.add_error(one.field if known else None, f"{path}{one.message}")


def done(request: HttpRequest, message: str, to: Any) -> HttpResponse:
    """Say what was done and go to `to`, an address or a row."""
    messages.success(request, message)
    return HttpResponseRedirect(to if isinstance(to, str) else address(to))


def address(row: Any) -> str:
    """Return the address of a row's page in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_address(model: Any, query: str = "") -> str:
    """Return the address of a table in the admin, filtered by `query`."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + (
        f"?{query}" if query else ""
    )
