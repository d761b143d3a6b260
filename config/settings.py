"""Settings, read from the environment in this one place; docs/settings.md documents every variable."""

from pathlib import Path

import environ
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from config import database, local, observing
from config.celery import BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or local.secret(BASE_DIR / "var")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "import_export",
    "hijack",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "django_prometheus",
    "health_check",
    "anymail",
    "tenants",
    "usage",
    "billing",
    "invoices",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]

DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES = {"default": database.settings(BASE_DIR, DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "tenants.accounts.InvitedOnly"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# One throttle, in the database, so that every process counts together: axes. Allauth counts in the memory of each.
ACCOUNT_RATE_LIMITS = {"login_failed": None}
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_USERNAME_CALLABLE = "tenants.accounts.name_tried"
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
HIJACK_PERMISSION_CHECK = "tenants.accounts.may_view_as"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale", BASE_DIR / "templates" / "admin" / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
DEFAULT_CURRENCY = env.str("DEFAULT_CURRENCY", default="CNY")

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").exists() else []
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = VAR_DIR / "media"
# Documents are kept by content hash; see tenants.files.
DOCUMENTS_DIR = Path(env.str("DOCUMENTS_DIR", default=str(VAR_DIR / "documents")))

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="billing@mingzhang.example")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="tenants.outbox.FileBackend")
OUTBOX_DIR = VAR_DIR / "outbox"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_HOST = EMAIL_CONFIG["EMAIL_HOST"]
EMAIL_PORT = EMAIL_CONFIG["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL_CONFIG["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL_CONFIG["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
# A mail server that does not answer must not outlast a claim of the outbox (tenants.delivery.LEASE).
EMAIL_TIMEOUT = 20

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = local.broker_options(CELERY_BROKER_URL, VAR_DIR / "broker")
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum" if CELERY_BROKER_URL.startswith("amqp") else "classic"
CELERY_WORKER_DETECT_QUORUM_QUEUES = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
DJANGO_CELERY_BEAT_TZ_AWARE = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.JsonBody"],
    "DEFAULT_PAGINATION_CLASS": "config.api.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["config.api.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {"key": env.str("API_RATE", default="3000/min")},
    "EXCEPTION_HANDLER": "config.refusals.explain",
    "COERCE_DECIMAL_TO_STRING": True,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mingzhang API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "TenantStatus": "tenants.models.Tenant.Status",
        "PlanStatus": "billing.models.catalogue.Status",
        "SubscriptionStatus": "billing.models.Subscription.Status",
        "InvoiceStatus": "invoices.models.Invoice.Status",
        "PaymentStatus": "invoices.models.Payment.Status",
        "MethodEnum": "invoices.models.Payment.Method",
        "ProviderEnum": "invoices.models.Mandate.Provider",
        "QuoteStatus": "invoices.models.Quote.Status",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.schema.complete"],
}

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/api/docs"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
    },
}
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# How long before it is due a deduction is announced (rule 17); never under five days.
ANNOUNCE_DAYS = env.int("ANNOUNCE_DAYS", default=7)
# Hours of Beijing, the first and the one after the last, in which deductions are made and customers reminded.
WORKING_HOURS: list[int] = env.list("WORKING_HOURS", cast=int, default=[7, 22])
# Usage (CONTRACTS rule 14): how late and how early an event may be.
USAGE_LATE_DAYS = env.int("USAGE_LATE_DAYS", default=35)
USAGE_EARLY_MINUTES = env.int("USAGE_EARLY_MINUTES", default=5)
# Days before a resource pack lapses on which its customer is told (rule 21).
GIFT_WARNING_DAYS: list[int] = env.list("GIFT_WARNING_DAYS", cast=int, default=[30, 7, 1])
PACK_WARNING_DAYS: list[int] = env.list("PACK_WARNING_DAYS", cast=int, default=[30, 7, 1])
# Keys of payment providers are encrypted with the first of these and read with any (invoices.providers.keys).
PAYMENT_KEYS: list[str] = env.list("PAYMENT_KEYS", default=[]) or [local.payment_key(BASE_DIR / "var")]
# Addresses beside the providers' own that accounts may name: the sandbox on this machine.
PAYMENT_GATEWAYS: list[str] = env.list("PAYMENT_GATEWAYS", default=[])
# Where messages to groups in WeCom go; another address only for a sandbox on this machine.
WECOM_API = env.str("WECOM_API", default="https://qyapi.weixin.qq.com").rstrip("/")
# The mailbox to which mails that cannot be delivered come back: imaps://user:password@host/folder. Empty: none is read.
BOUNCES_URL = env.str("BOUNCES_URL", default="")
observing.start(env.str("SENTRY_DSN", default=""))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {
        # The filesystem broker has no host; kombu says so at each start.
        "kombu.connection": {"level": "ERROR"},
        # At DEBUG it writes the addresses of calls, and the one of a provider's bill opens it to everybody.
        "urllib3": {"level": "INFO"},
    },
}

UNFOLD = {
    "SITE_TITLE": _("Mingzhang"),
    "SITE_HEADER": _("Mingzhang"),
    "SITE_SYMBOL": "receipt_long",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "invoices.admin.dashboard.show",
    "STYLES": [lambda request: static("operators.css")],
    "SCRIPTS": [lambda request: static("operators.js")],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#eef4fb",
            "100": "#d9e6f5",
            "200": "#b3cdea",
            "300": "#82abd9",
            "400": "#4d83c2",
            "500": "#2f67a9",
            "600": "#1f4e8c",
            "700": "#193f72",
            "800": "#16345d",
            "900": "#122a4a",
            "950": "#0b1a2f",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "invoices.admin.sidebar.navigation"},
}
