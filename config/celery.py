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
    "dun": {"task": "invoices.tasks.dun", "schedule": crontab(minute="7-59/10")},
    "advise": {"task": "invoices.tasks.advise", "schedule": crontab(hour="5", minute="10")},
    "find doubles": {"task": "invoices.tasks.find_doubles", "schedule": crontab(minute="50")},
    "watch held bills": {"task": "invoices.tasks.watch_holds", "schedule": crontab(minute="45")},
    "render documents": {"task": "invoices.tasks.render", "schedule": 20.0},
    "ask providers": {"task": "invoices.tasks.ask_providers", "schedule": 30.0},
    "send refunds": {"task": "invoices.tasks.send_refunds", "schedule": 30.0},
    "debit under agreements": {"task": "invoices.tasks.debit", "schedule": 60.0},
    "tell of debits": {"task": "invoices.tasks.pretell", "schedule": crontab(minute="2-59/15")},
    "ask for agreements": {"task": "invoices.tasks.ask_contracts", "schedule": 30.0},
    "match transfers": {"task": "invoices.tasks.match_transfers", "schedule": crontab(minute="3-59/5")},
    # Statements are there from ten o'clock on; one that is late is asked for each hour.
    "reconcile": {"task": "invoices.tasks.reconcile", "schedule": crontab(hour="10-22", minute="15")},
    "send the outbox": {"task": "tenants.tasks.deliver", "schedule": 20.0},
    "lapse gifts": {"task": "billing.tasks.lapse_gifts", "schedule": crontab(minute="15")},
    "seal the audit log": {"task": "tenants.tasks.seal_log", "schedule": crontab(minute="5-59/10")},
    "seal the book": {"task": "billing.tasks.seal_book", "schedule": crontab(minute="*/10")},
    "watch budgets": {"task": "billing.tasks.watch_budgets", "schedule": crontab(minute="4-59/10")},
    "warn of lapsing packs": {"task": "billing.tasks.warn_of_lapsing_packs", "schedule": crontab(minute="25")},
    "forget old answers": {"task": "tenants.tasks.forget_answers", "schedule": crontab(hour="4", minute="10")},
    "expire purchases": {"task": "invoices.tasks.expire_purchases", "schedule": crontab(minute="22")},
    "tell of terms and trials": {"task": "invoices.tasks.tell_of_terms", "schedule": crontab(hour="7-21", minute="45")},
    "take bounces": {"task": "invoices.tasks.take_bounces", "schedule": crontab(minute="*/5")},
    "expire quotes": {"task": "invoices.tasks.expire_quotes", "schedule": crontab(minute="20")},
    "tell late disputes": {"task": "invoices.tasks.tell_late_disputes", "schedule": crontab(minute="25")},
    "tell low balances": {"task": "invoices.tasks.tell_low_balances", "schedule": crontab(hour="7-21", minute="35")},
    # Sellers' months end at their own midnight, the last of them a day after the first.
    "earn revenue": {"task": "invoices.tasks.earn", "schedule": crontab(day_of_month="1,2", hour="4", minute="30")},
    "check the books": {"task": "invoices.tasks.check_books", "schedule": crontab(hour="3", minute="40")},
}

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("mingzhang")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
