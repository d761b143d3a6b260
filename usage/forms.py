"""A file of usage, sent on a page: checked line by line, then taken in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget

from tenants.admin.choosing import CustomerField
from tenants.errors import Invalid, Mistakes
from usage import importing, reading
from usage.importing import Problem

SHOWN = 50


class UsageFileForm(forms.Form):
    """The file, whose usage it is, and what to do with it."""

    HOW = [
        ("check", _("check only, import nothing")),
        ("all", _("import all lines, or none when one is bad")),
        ("skip", _("import the good lines, leave the bad ones out")),
    ]
    MOST = 20 * 1024 * 1024

    file = forms.FileField(
        label=_("file"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("CSV with the columns tenant, meter, quantity, key, occurred_at, void, properties.NAME."),
    )
    tenant = CustomerField(required=False, help_text=_("Code or name. Empty: each line names its customer."))
    how = forms.ChoiceField(label=_("what to do"), choices=HOW, initial="check", widget=UnfoldAdminRadioSelectWidget)

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > self.MOST:
            raise forms.ValidationError(_("The file is larger than 20 MiB; import it with manage.py import_usage."))
        return self.cleaned_data["file"]

    def take(self, *, at: datetime) -> dict[str, int]:
        """Check the file and, if asked to, take it in; return how many lines came to what. Raises Mistakes for bad lines."""
        how, tenant = self.cleaned_data["how"], self.cleaned_data["tenant"]
        with laid_down(self.cleaned_data["file"]) as path:
            shape = reading.look(path)
            checked = list(importing.check(path, shape, tenant=tenant, at=at))
            problems = [problem for step in checked for problem in step.problems]
            if problems and how != "skip":
                raise Mistakes([refusal(problem) for problem in sorted(problems, key=lambda one: one.line)[:SHOWN]])
            steps = checked if how == "check" else list(importing.take(path, shape, tenant=tenant, at=at))
        if how != "check":
            importing.finish(shape.sha256, at=at)
        taken = {name: sum(getattr(step, name) for step in steps) for name in ("rows", "accepted", "duplicate")}
        return taken | {"refused": sum(len(step.problems) for step in steps)}


def refusal(problem: Problem) -> Invalid:
    """Return a bad line as a refusal that names it."""
    return Invalid(
        problem.message, field=gettext("line %(line)d") % {"line": problem.line} + f" {problem.column}".rstrip()
    )


@contextmanager
def laid_down(upload: Any) -> Iterator[Path]:
    """Lay an upload down as a file of its own name, for as long as it is read."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(upload.name).name
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        yield path
