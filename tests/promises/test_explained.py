"""The third promise: every fen can be followed back and computed again; nobody can make it look as if it could."""

import subprocess
import sys
from datetime import date

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.urls import reverse
from django.utils import translation

from invoices import evidence as packs
from invoices.evidence import signing
from invoices.models import EvidencePack, SigningKey
from invoices.providers import keys
from tenants import access
from tenants.errors import Invalid
from tenants.models import AuditEntry
from tests import evidence, portal, shop

pytestmark = pytest.mark.django_db
SEPTEMBER = (date(2026, 9, 1), date(2026, 10, 1))


@pytest.fixture
def told(time_machine):
    time_machine.move_to(portal.NOON, tick=False)
    return portal.story()


@pytest.fixture
def bob(told, client):
    client.force_login(told.bob)
    return client


@pytest.fixture
def charlie(told, client):
    client.force_login(told.charlie)
    return client


def line_of(told):
    return told.bills[-1].lines.get(code="messages")


def test_it_refuses_to_show_a_line_to_another_company(told, charlie):
    """A stranger asks for a line of acme on acme's address and on his own; he is told that there is nothing there."""
    row = line_of(told)
    for company in ("acme", "beta"):
        for tail in ("/", ".csv"):
            assert charlie.get(f"/c/{company}/bills/{row.invoice_id}/lines/{row.pk}{tail}").status_code == 404
    assert not AuditEntry.objects.filter(verb__startswith="evidence").exists()


def test_it_refuses_to_compute_a_line_of_somebody_else(told, charlie):
    """A stranger lets a line of acme be computed again through his own company's address; there is no such line there."""
    row = line_of(told)
    assert charlie.post(f"/c/beta/bills/{row.invoice_id}/lines/{row.pk}/again/").status_code == 404


def test_it_refuses_a_line_on_another_bill(told, bob):
    """A member asks for a line under the number of another bill of his own; the two do not belong together."""
    row, other = line_of(told), told.bills[0]
    assert bob.get(f"/c/acme/bills/{other.pk}/lines/{row.pk}/").status_code == 404


def test_it_refuses_the_pack_of_another_company(told, charlie):
    """A stranger who knows the fingerprint of acme's pack asks for the file; his company has no such pack."""
    made = packs.keep(told.acme, *SEPTEMBER, at=portal.NOON, by=told.alice)
    for company in ("acme", "beta"):
        assert charlie.get(f"/c/{company}/evidence/{made.sha256}.zip").status_code == 404
    assert AuditEntry.objects.filter(verb="evidence.made").count() == 1


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "0" * 64, "x"])
def test_it_refuses_a_path_in_place_of_a_fingerprint(told, bob, name):
    """A member writes a path where the fingerprint of a pack belongs; only packs on record are ever opened."""
    assert bob.get(f"/c/acme/evidence/{name}.zip").status_code == 404


@pytest.mark.parametrize(
    "asked", [{"month": "../../2026"}, {"month": "2026-13"}, {"first": "2026-09-30", "last": "x"}, {"month": "9999-12"}]
)
def test_it_refuses_days_that_are_no_days(told, bob, asked):
    """A member asks for a pack of a month that is a path, or of no days at all; nothing is made and he is told why."""
    answer = bob.post("/c/acme/evidence/make/", asked, headers={"accept-language": "en"}, follow=True)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Choose a month" in text or "have not begun" in text
    assert not EvidencePack.objects.exists()


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((date(2026, 9, 2), date(2026, 9, 1)), "not before the first"),
        ((date(2024, 1, 1), date(2026, 1, 1)), "at most a year"),
        ((date(2027, 1, 1), date(2027, 2, 1)), "have not begun"),
    ],
)
def test_it_refuses_a_period_that_is_none(told, days, said):
    """A program asks for days backwards, for two years, or for days to come; it is refused and nothing is on record."""
    with translation.override("en"), pytest.raises(Invalid, match=said):
        packs.keep(told.acme, *days, at=portal.NOON, by=None)
    assert not EvidencePack.objects.exists()


def test_it_refuses_a_signature_by_anybody_else(told, tmp_path):
    """A forger changes one record, makes all hashes fit and signs with a key of his own; the verifier names the key."""
    path = evidence.packed(tmp_path, told.acme, "2026-09-01", "2026-11-01", portal.NOON)
    own = SigningKey.objects.get()

    def more(rows):
        rows[0]["quantity"] = "100"

    forged = evidence.rewritten(path, "usage.csv", more, signed=True)
    assert evidence.codes(forged, "--public-key", own.public_key) >= {"key", "line_measure"}
    assert evidence.codes(path, "--public-key", own.fingerprint) == set()


def test_it_refuses_a_member_outside_the_archive(told, tmp_path):
    """A forger puts a name into the ZIP that leads out of it; the verifier reads nothing of such a file."""
    path = evidence.packed(tmp_path, told.acme, "2026-09-01", "2026-10-01", portal.NOON)
    bad = evidence.written(tmp_path / "bad.zip", evidence.members(path) | {"../outside.txt": b"x"})
    code, report = evidence.verified(bad)
    assert (code, "outside" in report["unreadable"]) == (2, True)
    done = subprocess.run(
        [sys.executable, "-I", str(evidence.VERIFIER), str(tmp_path / "none.zip")], capture_output=True
    )
    assert done.returncode == 2


@pytest.mark.database
def test_it_refuses_to_change_what_is_on_record(told):
    """Somebody with the database open writes another fingerprint over a pack's, deletes it, or revives a retired key."""
    made = packs.keep(told.acme, *SEPTEMBER, at=portal.NOON, by=None)
    signing.rotate(SigningKey.objects.get().seller, at=portal.NOON, by=None)
    tries = (
        "UPDATE invoices_evidencepack SET sha256 = repeat('0', 64)",
        "DELETE FROM invoices_evidencepack",
        "UPDATE invoices_signingkey SET public_key = 'x'",
        "UPDATE invoices_signingkey SET retired_at = NULL WHERE retired_at IS NOT NULL",
    )
    for statement in tries:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert EvidencePack.objects.get().sha256 == made.sha256


@pytest.mark.database
def test_it_refuses_the_secret_key_to_customers(told):
    """A customer's own transaction reads the table of keys; the database lets that role read nothing of it."""
    signing.key_of(told.subscription.seller, at=portal.NOON)
    with pytest.raises(ProgrammingError, match="permission denied"), access.as_tenant(told.acme):
        SigningKey.objects.first()


def test_it_refuses_a_secret_moved_to_another_seller(told):
    """An operator copies the encrypted secret of one seller to another's row; it was sealed for its own and stays shut."""
    own = signing.key_of(told.subscription.seller, at=portal.NOON)
    other = SigningKey(seller=shop.seller("other"), secret=own.secret)
    with pytest.raises(keys.Sealed):
        signing.sign(other, b"anything")


def test_it_refuses_our_own_staff_looking_on(told, client):
    """An operator who looks at a customer's pages presses the button that makes a pack in the customer's name."""
    client.force_login(told.alice)
    session = client.session
    session["hijack_history"] = [str(told.bob.pk)]
    session.save()
    answer = client.post(reverse("portal:evidence_make", args=["acme"]), {"month": "2026-09"})
    assert (answer.status_code, EvidencePack.objects.count()) == (403, 0)
