"""Rows that break the rules of evidence; `test_constraints` tries them."""

from tests.rows import Break, below_zero

OTHER = f"'{'b' * 64}'"
PROVEN: list[Break] = [
    ("signing_key_one_in_use", "invoices_signingkey", {"fingerprint": OTHER}),
    ("signing_key_fingerprint_form", "invoices_signingkey", {"fingerprint": "'x'"}),
    ("signing_key_secret_sealed", "invoices_signingkey", {"fingerprint": OTHER, "secret": "'{\"ed25519\": 1}'"}),
    ("signing_key_retired_after_made", "invoices_signingkey", {"retired_at": "made_at - interval '1 day'"}),
    ("invoices_signingkey_fingerprint_key", "invoices_signingkey", {"retired_at": "made_at"}),
    ("evidence_pack_once", "invoices_evidencepack", {}),
    ("evidence_pack_days_in_order", "invoices_evidencepack", {"sha256": OTHER, "end_on": "start_on"}),
    ("evidence_pack_hash_form", "invoices_evidencepack", {"sha256": "'x'"}),
    *below_zero("invoices_evidencepack", "bytes"),
]
