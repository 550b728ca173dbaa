"""Settings from the environment and .env; what is wrong is said at once, in one line."""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import django_stubs_ext
import environ
import limits
import psycopg
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from agency import embedded

Value = TypeVar("Value")

TLS_ON = {"1", "on", "true", "yes", "starttls"}
TLS_OFF = {"0", "off", "false", "no", "none"}

BASE_DIR = Path(__file__).resolve().parent.parent


def read(name: str, default: Value, parse: Callable[[str], Value]) -> Value:
    """Return the variable, parsed; unset and empty are the same.

    Raises ImproperlyConfigured, naming the variable, with the reason `parse` gave.
    """
    text = env.str(name, default="").strip()
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error} (set in the environment or in .env)") from None


def whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def yes_or_no(text: str) -> bool:
    if text.lower() not in {"0", "1", "true", "false", "yes", "no", "on", "off"}:
        raise ValueError(f"{text!r} is neither 1 nor 0")
    return text.lower() in {"1", "true", "yes", "on"}


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def url(*schemes: str) -> Callable[[str], str]:
    """Parse an address of one of these schemes. A wrong one is not repeated: it may hold a key."""

    def parse(text: str) -> str:
        parts = urlsplit(text)
        try:
            whole = parts.scheme in schemes and (parts.netloc or parts.scheme == "unix")
            whole = whole and (parts.port is None or parts.port > 0)
        except ValueError:
            whole = False
        if not whole:
            raise ValueError("must look like " + " or ".join(f"{s}://…" for s in schemes))
        return text.rstrip("/")

    return parse


def calendar_server(text: str) -> str:
    """Parse an https address with its user and password; plain http only on this machine."""
    parts = urlsplit(url("https", "http")(text))
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("must look like https://user:password@host/path/to/calendar/")
    return text


def mail_server(text: str) -> str:
    found = parse_qs(urlsplit(url("smtp", "smtps")(text)).query)
    for tls in found.get("tls", []):
        if tls.lower() not in TLS_ON | TLS_OFF | {"auto"}:
            raise ValueError(f"tls={tls} is not on, off or auto")
    return text


def own_webhook(text: str) -> str:
    """Parse an https address; plain http only on this machine."""
    found = url("https", "http")(text)
    parts = urlsplit(found)
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("must look like https://…")
    if not text.isascii() or any(c.isspace() for c in text):
        raise ValueError("holds a space or a letter that is not ASCII")
    return text


def rate(text: str) -> str:
    limits.parse(text)
    return text


def token(text: str) -> str:
    if len(text) < 16 or not text.isascii() or any(c.isspace() for c in text):
        raise ValueError("must be at least 16 ASCII characters without a space")
    return text


def stripe_key(text: str) -> str:
    """Parse a secret or restricted key, of the test mode or a live one; it is never repeated."""
    if not text.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise ValueError("must begin with sk_test_, sk_live_, rk_test_ or rk_live_")
    return token(text)


def email_address(text: str) -> str:
    name, at, host = text.partition("@")
    if not (name and at and host) or any(c.isspace() for c in text):
        raise ValueError(f"{text!r} is not an e-mail address")
    return text


def postgres_params(text: str) -> dict[str, str]:
    """Parse as libpq does: a URL or `key=value` pairs, a socket folder as `?host=/…`."""
    try:
        found = psycopg.conninfo.conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        found = {}
    if not (found.get("dbname") and found.get("user")):
        raise ValueError("must look like postgres://user:password@host:5432/database")
    return {name: str(value) for name, value in found.items()}


def make_data_dir(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR: {path} cannot be made: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"DATA_DIR: {path} cannot be written to")
    return path


def kept_secret(path: Path) -> str:
    """Return the secret kept in this file, making it at the first use, once for all processes."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first; both use its secret
        finally:
            fresh.unlink()
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"SECRET_KEY: {path} cannot be read: {error.strerror}") from None


django_stubs_ext.monkeypatch()
env = environ.Env()
env.smart_cast = False
environ.Env.read_env(BASE_DIR / os.environ.get("ENV_FILE", ".env"))

# Where and who

DATA_DIR = make_data_dir(
    read("DATA_DIR", BASE_DIR / ".data", lambda text: Path(text).expanduser()).resolve()
)
HOST = read("HOST", "127.0.0.1", str)
PORT = read("PORT", 8000, whole_number(1, 65535))
PUBLIC_URL = read(
    "PUBLIC_URL",
    f"http://{'localhost' if HOST in {'0.0.0.0', '::'} else HOST}:{PORT}",  # noqa: S104
    url("http", "https"),
)
OPERATOR_EMAIL = read("OPERATOR_EMAIL", "operator@northwind.example", email_address)
DEBUG = read("DEBUG", False, yes_or_no)
SECRET_KEY = read("SECRET_KEY", "", str) or kept_secret(DATA_DIR / "secret.key")
SALT_KEY = hashlib.sha256(f"fields:{SECRET_KEY}".encode()).hexdigest()

_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = read(
    "ALLOWED_HOSTS",
    list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", HOST, _public.hostname or HOST])),
    words,
)
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

# The outside parts: set, each is the real one

ANTHROPIC_API_KEY = read("ANTHROPIC_API_KEY", "", str)
ANTHROPIC_BASE_URL = read("ANTHROPIC_BASE_URL", "", url("http", "https"))
EMAIL_URL = read("EMAIL_URL", "", mail_server)
# Beside the web port by default, so that two data folders can run side by side.
SANDBOX_SMTP_PORT = read(
    "SANDBOX_SMTP_PORT", PORT + 25 if PORT + 25 <= 65535 else PORT - 25, whole_number(1, 65535)
)
MAILBOX_DIR = read("MAILBOX_DIR", DATA_DIR / "mailbox", Path)

# The sandbox market: companies with web sites and people with mailboxes, none of them real. Names
# under `.example` lead to this port instead of into the world.
SANDBOX_WEB_PORT = read(
    "SANDBOX_WEB_PORT", PORT + 50 if PORT + 50 <= 65535 else PORT - 50, whole_number(1, 65535)
)
SANDBOX_SEED = read("SANDBOX_SEED", 1, whole_number(0, 2**31))

# Mail that comes in through Mailgun's webhook, which the sandbox market speaks too, is signed with
# this key.
MAILGUN_SIGNING_KEY = read("MAILGUN_SIGNING_KEY", "", token) or (
    "" if EMAIL_URL else hashlib.sha256(f"market:{SECRET_KEY}".encode()).hexdigest()
)

# Payments: Stripe with a key, without one the sandbox checkout, which needs a key of its own. Its
# page is the only other one that a form of ours may lead to.
STRIPE_SECRET_KEY = read("STRIPE_SECRET_KEY", "", stripe_key)
STRIPE_WEBHOOK_SECRET = read("STRIPE_WEBHOOK_SECRET", "", token)
STRIPE_API_BASE = read("STRIPE_API_BASE", "https://api.stripe.com", url("https", "http"))
SANDBOX_CHECKOUT_KEY = hashlib.sha256(f"checkout:{SECRET_KEY}".encode()).hexdigest()
CHECKOUT_ORIGINS = [
    *(["https://checkout.stripe.com"] if STRIPE_SECRET_KEY else []),
    *([] if EMAIL_URL or STRIPE_SECRET_KEY else [f"http://127.0.0.1:{SANDBOX_WEB_PORT}"]),
]

# A mail with its attachments comes in as one field of a form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

# Alerts go to the operator by mail; to a Slack-compatible webhook, and to somebody else when nobody
# acknowledges them, where these are set.
ALERT_WEBHOOK_URL = read("ALERT_WEBHOOK_URL", "", own_webhook)
ALERT_ESCALATION_EMAIL = read("ALERT_ESCALATION_EMAIL", "", email_address)

# Business seconds a wall second while everything is sandboxed, by default a day a minute; any real
# channel makes it 1.
BUSINESS_SPEED = read("BUSINESS_SPEED", 1440, whole_number(1, 100_000))

# A worker that has not been heard of for this long loses its jobs.
JOBS_LEASE_SECONDS = read("JOBS_LEASE_SECONDS", 15, whole_number(1, 3600))

# Completed jobs stay in the hot table this long; then they are archived.
JOBS_KEEP_SECONDS = read("JOBS_KEEP_SECONDS", 3600, whole_number(0, 86_400))

# With this token a monitor may read /metrics without a login.
METRICS_TOKEN = read("METRICS_TOKEN", "", token)

# The operator's calendar, one CalDAV collection: what is busy there, and booked calls in it.
CALDAV_URL = read("CALDAV_URL", "", calendar_server)

# What one address may post to one webhook endpoint; all together may post five times that.
LEAD_HOOK_RATE = read("LEAD_HOOK_RATE", "600/minute", rate)

# What one API key may ask.
API_RATE = read("API_RATE", "600/minute", rate)

# Postgres: `default` is the role the app works as, `owner` the one that migrates

OWNER_ROLE = "agency_owner"
APP_ROLE = "agency_app"
TENANT_ROLE = "agency_tenant"


def database(params: dict[str, str], *, pool_size: int = 0) -> dict[str, Any]:
    rest = {k: v for k, v in params.items() if k not in {"dbname", "user", "password", "host"}}
    port = rest.pop("port", "")
    options: dict[str, Any] = dict(rest)
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 4}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": params["dbname"],
        "USER": params["user"],
        "PASSWORD": params.get("password", ""),
        "HOST": params.get("host", ""),
        "PORT": port,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer gives each transaction another server connection.
        "DISABLE_SERVER_SIDE_CURSORS": read("DATABASE_POOLED", False, yes_or_no),
    }


_app_params: dict[str, str] = read("DATABASE_URL", {}, postgres_params)
EMBEDDED_POSTGRES = not _app_params
if EMBEDDED_POSTGRES:
    _app_params = postgres_params(embedded.conninfo(DATA_DIR, user=APP_ROLE))
    _owner_params = postgres_params(embedded.conninfo(DATA_DIR, user=OWNER_ROLE))
else:
    _owner_params = read("DATABASE_OWNER_URL", _app_params, postgres_params)
    APP_ROLE, OWNER_ROLE = _app_params["user"], _owner_params["user"]

DATABASES = {
    "default": database(_app_params, pool_size=read("DB_POOL_SIZE", 20, whole_number(0, 250))),
    "owner": database(_owner_params),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Valkey: wake-ups and live updates only; losing it loses nothing

REDIS_URL = read("REDIS_URL", "", url("redis", "rediss", "unix"))
EMBEDDED_VALKEY = not REDIS_URL
if EMBEDDED_VALKEY:
    REDIS_URL = embedded.valkey_url(DATA_DIR)

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # A page's socket asks for five seconds at a time, which is no reason to give it up.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}], "prefix": "live"},
    }
}

# The app

INSTALLED_APPS = [
    "agency",
    "jobs",
    "control",
    "billing",
    "pipeline",
    "agents",
    "dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "dashboard.middleware.OperatorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "agency.urls"
ASGI_APPLICATION = "agency.asgi.application"

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
            ],
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# What Django 6 does by itself: an address typed without a scheme is https.
FORMS_URLFIELD_ASSUME_HTTPS = True

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Login

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "sesame.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
SESAME_ONE_TIME = True
SESAME_MAX_AGE = 3600
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_TEMPLATE = "dashboard/locked.html"
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

# What browsers may do

_secure = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _secure
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, f"{'wss' if _secure else 'ws'}://{_public.netloc}"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF, *CHECKOUT_ORIGINS],
        "frame-ancestors": [NONE],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True, "level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "flufl.bounce": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}
