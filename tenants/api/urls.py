from django.urls import path, re_path

from tenants.api import companies, notices
from tenants.validators import CODE

CODES = CODE.strip("^$")

urlpatterns = [
    path("tenants", companies.Companies.as_view(), name="tenants"),
    re_path(rf"^tenants/(?P<code>{CODES})$", companies.OneCompany.as_view(), name="tenant"),
    path("notices", notices.Notices.as_view(), name="notices"),
    path("notice-preferences", notices.Preferences.as_view(), name="notice-preferences"),
]
