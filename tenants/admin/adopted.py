"""Tables of the libraries, in the same dress: the schedule of the worker, log-ins, second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import ClockedScheduleAdmin as BeatClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.contrib.filters.admin import BooleanRadioFilter, RangeDateTimeFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.listing import Listing, Reading

for model in (
    PeriodicTask,
    IntervalSchedule,
    CrontabSchedule,
    SolarSchedule,
    ClockedSchedule,
    AccessAttempt,
    AccessFailureLog,
    AccessLog,
    EmailAddress,
    Authenticator,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class UnfoldTaskSelectWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of known tasks, dressed."""


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = UnfoldTaskSelectWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatPeriodicTaskAdmin, Listing):
    """What the worker does by the clock."""

    form = TaskForm
    list_display = ["name", "task", "scheduler", "enabled", "last_run_at", "total_run_count"]
    list_filter = [("enabled", BooleanRadioFilter), ("last_run_at", RangeDateTimeFilter)]


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(Listing):
    list_display = ["every", "period"]


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(BeatCrontabScheduleAdmin, Listing):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(BeatClockedScheduleAdmin, Listing):
    pass


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Reading):
    """Log-ins that failed, and how often: too many lock for a while."""

    list_display = ["attempt_time", "username", "ip_address", "failures_since_start", "path_info"]
    search_fields = ["username", "ip_address"]
    list_filter = [("attempt_time", RangeDateTimeFilter)]


@admin.register(AccessLog)
class AccessLogAdmin(Reading):
    """Log-ins."""

    list_display = ["attempt_time", "username", "ip_address", "logout_time"]
    search_fields = ["username", "ip_address"]
    list_filter = [("attempt_time", RangeDateTimeFilter)]


@admin.register(Authenticator)
class AuthenticatorAdmin(Listing):
    """Second factors. Deleting one lets a person who lost the telephone set up a new one."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "user__name"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
