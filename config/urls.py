"""Every address of the site: the operators' admin, the API, the customers' pages."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from hijack.views import ReleaseUserView

from config import refusals, watching
from config import schema as schema  # registers how an API key is described

# Operators log in where everybody does: with the lock-out and the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("account/", include("allauth.urls")),
    # Only the way back: an operator begins to look as a customer by an act that the audit log keeps.
    path("hijack/", include(([path("release/", ReleaseUserView.as_view(), name="release")], "hijack"))),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("usage.api.urls")),
    path("api/v1/", include("tenants.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("invoices.api.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path("^api/", refusals.not_found),
    path("healthz", watching.Health.as_view(), name="healthz"),
    path("metrics", watching.metrics, name="metrics"),
    path("", include("invoices.urls")),
]
