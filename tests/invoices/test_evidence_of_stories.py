"""Whatever a story does to a customer, the pack of it verifies: every line is recomputed from records alone."""

import importlib.util
import os
from datetime import timedelta
from pathlib import Path

import pytest

from invoices import evidence
from invoices.models import Invoice
from invoices.rehearsal import rehearse
from tenants.models import Tenant
from tests.scenarios.telling import stories
from usage.periods import local_day

pytestmark = [pytest.mark.django_db, pytest.mark.story]
VERIFIER = Path(__file__).resolve().parents[2] / "docs" / "verify" / "verify_pack.py"
# Each of them; the test run takes one in twelve, and those that a pack once told wrong.
EVERY = int(os.environ.get("EVIDENCE_EVERY", "12"))
ALWAYS = {"caps/a_coupon_gives_on_what_is_left"}
ALL = [story for story in stories() if "invalid" not in story.expect]
TOLD = [story for place, story in enumerate(ALL) if place % EVERY == 0 or story.name in ALWAYS]


def verifier():
    spec = importlib.util.spec_from_file_location("verify_pack", VERIFIER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("story", TOLD, ids=lambda story: story.name)
def test_its_packs_verify(story, tmp_path):
    reports = []

    def watch(world, step=None, *, over=False):
        if over:
            until = world.story.until
            for tenant in Tenant.objects.filter(pk__in=Invoice.objects.values("tenant")):
                first = Invoice.objects.issued().filter(tenant=tenant).order_by("issued_at").first()
                if first is None:
                    continue
                end = local_day(until, tenant.timezone) + timedelta(days=1)
                start = max(local_day(first.issued_at, tenant.timezone), end - timedelta(days=366))
                path = tmp_path / f"{tenant.code}.zip"
                path.write_bytes(evidence.pack(tenant, start, end, until))
                reports.append(verifier().verify(str(path))[1])

    rehearse(story.story, watch=watch)
    faults = [fault for report in reports for fault in report.faults]
    assert not faults, "\n".join(["", *(str(fault) for fault in faults)])
