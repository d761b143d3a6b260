"""What is handed to a customer as proof: the keys it is signed with, and the fingerprint of each pack."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Seller, Tenant, User

# SHA-256 in hexadecimal.
HASH_FORM = r"^[0-9a-f]{64}$"


class SigningKey(models.Model):
    """A seller's key for evidence packs (Ed25519, RFC 8032): the public half for everybody, the secret one encrypted at rest.

    One is in use at a time; a retired one still proves what was signed with it. Nothing of it changes but that it is
    retired, and that its secret is encrypted anew (a trigger holds this).
    """

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="signing_keys")
    # 32 bytes in Base64, and the SHA-256 of these bytes.
    public_key = models.CharField(_("public key"), max_length=44)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, unique=True)
    secret = models.TextField(_("secret key, encrypted"))
    made_at = models.DateTimeField(_("made"))
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("signing key"), _("signing keys")
        ordering = ["seller", "-made_at"]
        constraints = [
            models.UniqueConstraint(name="signing_key_one_in_use", fields=["seller"], condition=Q(retired_at=None)),
            models.CheckConstraint(name="signing_key_fingerprint_form", condition=Q(fingerprint__regex=HASH_FORM)),
            models.CheckConstraint(name="signing_key_secret_sealed", condition=~Q(secret__startswith="{")),
            models.CheckConstraint(
                name="signing_key_retired_after_made", condition=Q(retired_at=None) | Q(retired_at__gte=F("made_at"))
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint[:16]


class EvidencePack(models.Model):
    """The record of one evidence pack: whose, of which local days (half open), and the SHA-256 of the file. Never changed.

    The file itself is kept under its hash (`tenants.files`), so that the same bytes can be fetched again.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="evidence_packs")
    start_on = models.DateField(_("from"))
    end_on = models.DateField(_("until"))
    sha256 = models.CharField(_("hash"), max_length=64)
    # Of the manifest, which is what the signature is over.
    manifest_sha256 = models.CharField(_("hash of the manifest"), max_length=64)
    fingerprint = models.CharField(_("signed with"), max_length=64)
    bytes = models.PositiveBigIntegerField(_("size"))
    counts = models.JSONField(_("contents"), default=dict)
    made_at = models.DateTimeField(_("made"))
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    made_by_name = models.CharField(_("by"), max_length=80, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("evidence pack"), _("evidence packs")
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(name="evidence_pack_once", fields=["tenant", "sha256"]),
            models.CheckConstraint(name="evidence_pack_days_in_order", condition=Q(end_on__gt=F("start_on"))),
            models.CheckConstraint(
                name="evidence_pack_hash_form",
                condition=Q(sha256__regex=HASH_FORM, manifest_sha256__regex=HASH_FORM, fingerprint__regex=HASH_FORM),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.start_on} – {self.end_on}"
