"""An evidence pack holds what a bill stands on, and whoever has it checks it without us."""

import importlib.util
import subprocess
import sys
from datetime import date

import pytest

from invoices import evidence as packs
from invoices.evidence import signing
from invoices.models import SigningKey
from tests import evidence, portal

pytestmark = pytest.mark.django_db
DAYS = ("2026-09-01", "2026-11-01")

# RFC 8032, section 7.1: secret key left out; public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.fixture(scope="module")
def verifier():
    spec = importlib.util.spec_from_file_location("verify_pack", evidence.VERIFIER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def told():
    return portal.story()


def test_it_agrees_with_what_was_billed(told, tmp_path):
    code, report = evidence.verified(evidence.packed(tmp_path, told.acme, *DAYS, portal.NOON))
    assert (code, report["faults"]) == (0, [])
    assert report["checked"]["lines"] >= 7


def test_the_same_rows_and_instant_give_the_same_bytes(told):
    period = tuple(date.fromisoformat(day) for day in DAYS)
    assert packs.pack(told.acme, *period, portal.NOON) == packs.pack(told.acme, *period, portal.NOON)


def test_it_keeps_the_fingerprint_and_the_file(told):
    september = date(2026, 9, 1), date(2026, 10, 1)
    made = packs.keep(told.acme, *september, at=portal.NOON, by=told.alice)
    assert packs.keep(told.acme, *september, at=portal.NOON, by=told.alice) == made
    assert made.counts["invoices"] == 1
    assert made.fingerprint == SigningKey.objects.get().fingerprint


def test_a_pack_of_an_old_key_verifies_after_the_key_was_replaced(told, tmp_path):
    path = evidence.packed(tmp_path, told.acme, *DAYS, portal.NOON)
    old = SigningKey.objects.get()
    new = signing.rotate(old.seller, at=portal.NOON, by=None)
    assert evidence.codes(path, "--public-key", old.public_key) == set()
    assert evidence.codes(path, "--public-key", new.public_key) == {"key"}


def test_nothing_of_others_is_in_it(told, tmp_path):
    files = evidence.members(evidence.packed(tmp_path, told.acme, *DAYS, portal.NOON))
    assert not [name for name, content in files.items() if b"secret-of-beta" in content]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_it_verifies_the_vectors_of_rfc_8032(verifier, public, message, signature):
    key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))
    assert verifier.is_signed(key, text, signed)
    assert not verifier.is_signed(key, text + b"x", signed)
    assert not verifier.is_signed(key, text, signed[:-1] + bytes([signed[-1] ^ 1]))


def test_it_says_how_to_use_it():
    done = subprocess.run(
        [sys.executable, "-I", str(evidence.VERIFIER), "--help"], capture_output=True, text=True, check=True
    )
    assert "--public-key" in done.stdout
    assert "Ends with 0" in done.stdout
