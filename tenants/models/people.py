"""People who log in, what they may do at which company, and the keys of programs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from tenants.models.companies import Language, Seller, Tenant


class UserManager(BaseUserManager["User"]):
    """Makes users; the address is the name to log in with."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a person who may log in with `email`."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an operator who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person: an operator (`is_staff`), or a member of one or more customers."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.CHINESE)
    is_staff = models.BooleanField(_("operator"), default=False)
    is_active = models.BooleanField(_("may log in"), default=True)
    date_joined = models.DateTimeField(_("joined"), null=True, blank=True)

    objects = UserManager()

    EMAIL_FIELD = USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name, verbose_name_plural = _("person"), _("people")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
            models.CheckConstraint(name="user_language_known", condition=Q(language__in=["zh-hans", "en"])),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email


class Member(models.Model):
    """A person's role at one customer."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        PAYER = "payer", _("payer")
        ADMIN = "admin", _("administrator")
        VIEWER = "viewer", _("viewer")

    # Who may commit the company to pay, and who may change its data.
    MAY_PAY = frozenset({Role.OWNER, Role.PAYER})
    MAY_MANAGE = frozenset({Role.OWNER, Role.ADMIN})

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("customer"), related_name="members")
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("person"), related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.VIEWER)
    joined_at = models.DateTimeField(_("joined"))

    class Meta:
        verbose_name, verbose_name_plural = _("member"), _("members")
        constraints = [
            models.UniqueConstraint(name="member_once_per_tenant", fields=["tenant", "user"]),
            models.CheckConstraint(
                name="member_role_known", condition=Q(role__in=["owner", "payer", "admin", "viewer"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.tenant}"

    @property
    def may_pay(self) -> bool:
        """Whether the person may commit the company to pay."""
        return self.role in self.MAY_PAY

    @property
    def may_manage(self) -> bool:
        """Whether the person may change the company's data and members."""
        return self.role in self.MAY_MANAGE


class ApiKey(models.Model):
    """A program's key. The secret is shown once; only its SHA-256 is kept.

    A key with a tenant acts for that tenant; a key without one belongs to the operator and names the tenant per call.
    """

    class Scope(models.TextChoices):
        EVENTS = "events", _("send usage events")
        READ = "read", _("read")
        WRITE = "write", _("write")
        RATE = "rate", _("rate and rehearse")

    tenant = models.ForeignKey(
        Tenant, models.CASCADE, verbose_name=_("customer"), null=True, blank=True, related_name="api_keys"
    )
    seller = models.ForeignKey(
        Seller, models.CASCADE, verbose_name=_("seller"), null=True, blank=True, related_name="api_keys"
    )
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope), verbose_name=_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("API key"), _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
