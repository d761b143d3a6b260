from django.urls import path, re_path

from tenants.api import companies
from tenants.validators import CODE

CODES = CODE.strip("^$")

urlpatterns = [
    path("tenants", companies.Companies.as_view(), name="tenants"),
    re_path(rf"^tenants/(?P<code>{CODES})$", companies.OneCompany.as_view(), name="tenant"),
]
