"""Celery and the whole schedule, in one table.

A task is only ever a nudge or a tick: the truth is a row on a shelf, so a lost message costs a minute at most.
"""

import os

from celery import Celery
from celery.schedules import crontab

# name: (task, when). Every tick may run twice, late, or beside another.
BEAT_SCHEDULE = {
    "bill what is due": {"task": "invoices.tasks.bill", "schedule": crontab(minute="*/10")},
    "announce deductions": {"task": "invoices.tasks.announce", "schedule": crontab(minute="5")},
    "render documents": {"task": "invoices.tasks.render", "schedule": 20.0},
    "send the outbox": {"task": "tenants.tasks.deliver", "schedule": 20.0},
    "warn of lapsing packs": {"task": "billing.tasks.warn_of_lapsing_packs", "schedule": crontab(minute="25")},
    "forget old answers": {"task": "tenants.tasks.forget_answers", "schedule": crontab(hour="4", minute="10")},
    "expire quotes": {"task": "invoices.tasks.expire_quotes", "schedule": crontab(minute="20")},
    "check the books": {"task": "invoices.tasks.check_books", "schedule": crontab(hour="3", minute="40")},
}

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("mingzhang")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
