"""What the database refuses of purchases that are taken back."""

UNDO = {"kind": "'undo'", "status": "'applied'", "settled_at": "now()", "undoes_id": "NULL", "acceptance_id": "NULL"}
KEPT = {"kind": "'keep'", "status": "'applied'", "settled_at": "now()"}
BREAKS = [
    (
        "change_undo_says_what",
        "billing_change",
        {**KEPT, "undoes_what": "'purchase'"},
    ),
    (
        "change_undo_names_it",
        "billing_change",
        {**KEPT, "undoes_on": "now()"},
    ),
    ("change_purchase_undone_once", "billing_change", {**UNDO, "undoes_what": "'purchase'", "undoes_on": "NULL"}),
    (
        "change_renewal_undone_once",
        "billing_change",
        {**UNDO, "undoes_what": "'renewal'", "undoes_on": "(SELECT min(undoes_on) FROM billing_change)"},
    ),
    (
        "billing_change_undoes_id_key",
        "billing_change",
        {
            **UNDO,
            "undoes_what": "'change'",
            "undoes_on": "NULL",
            "undoes_id": "(SELECT min(undoes_id) FROM billing_change)",
        },
    ),
    ("billing_wayback_change_id_key", "billing_wayback", {}),
    (
        "period_undone_is_empty",
        "billing_billingperiod",
        {"undone_at": "now()"},
    ),
]
