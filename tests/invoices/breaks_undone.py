"""What the database refuses of withdrawn charges and of doubles."""

NEW = {"fingerprint": "'other'"}
BREAKS = [
    ("invoices_withdrawncharge_charge_id_key", "invoices_withdrawncharge", {}),
    ("duplicate_once", "invoices_duplicateflag", {}),
    ("duplicate_kind_known", "invoices_duplicateflag", {**NEW, "kind": "'x'"}),
    ("duplicate_amount_not_negative", "invoices_duplicateflag", {**NEW, "amount_minor": "-1"}),
    ("duplicate_currency_form", "invoices_duplicateflag", {**NEW, "currency": "'yua'"}),
    ("duplicate_settled_says_when", "invoices_duplicateflag", {**NEW, "state": "'kept'"}),
]
