from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tenants import checks as checks  # registers them


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Customers")
