"""The portal's settings: one file, configured by the environment variables that the README lists.

`PORTAL_URL` is the portal's address, and decides whether this is an https deployment;
`PORTAL_DATA_DIR` is the only folder that it writes to.
"""

import os
import secrets
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("PORTAL_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DEBUG = env.bool("DEBUG", default=False)


def _number(name: str, default: int, meaning: str) -> int:
    try:
        return env.int(name, default=default)
    except ValueError:
        raise ImproperlyConfigured(f"{name} takes a number: {meaning}.") from None


def _secret_key() -> str:
    """Read the secret key from the data folder; the first start makes it, readable by its owner only."""
    path = DATA_DIR / "secret_key"
    try:
        DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"secret_key.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(50))
            try:
                os.link(draft, path)  # fails if another process was quicker: its key counts
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"the data folder {DATA_DIR} can't be used ({error.strerror}). "
            "Set PORTAL_DATA_DIR to a folder that this user may write to."
        ) from None


SECRET_KEY = env.str("SECRET_KEY", default="") or _secret_key()

# The portal's address: https, cookies, hosts and HSTS follow from it.
PORTAL_URL = env.str("PORTAL_URL", default="http://localhost:8000").rstrip("/")
try:
    _address = urlsplit(PORTAL_URL)
except ValueError:  # half an IPv6 address
    _address = urlsplit("")
if _address.scheme not in {"http", "https"} or not _address.hostname:
    raise ImproperlyConfigured(
        f"PORTAL_URL is {PORTAL_URL!r}: it takes an address such as https://portal.example"
    )
IS_HTTPS = _address.scheme == "https"
ALLOWED_HOSTS = [_address.hostname, *env.list("ALLOWED_HOSTS", default=[])]
if not IS_HTTPS:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Over plain http browsers ignore this header, and complain about it in the console of every page.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if IS_HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
# How many reverse proxies are in front; each must set X-Forwarded-For and X-Forwarded-Proto itself.
# With 0 these headers are ignored.
TRUSTED_PROXIES = _number("TRUSTED_PROXIES", 1 if IS_HTTPS else 0, "how many reverse proxies are in front")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "portal_session"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains is a decision about the whole domain, not about this host.
    "security.W005",
    # So is the browsers' preload list, which takes whole domains and keeps them for months.
    "security.W021",
]

INSTALLED_APPS = [
    "portal",
    "products",
    "associations",
    "licensing",
    "portal.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.access.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.access.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.access.roles",
            ],
            "builtins": ["licensing.wording", "licensing.rma.words", "portal.people"],
        },
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"


# PostgreSQL's limits in seconds; the query of DATABASE_URL can set others, and 0 means none. The serving
# limits hold for requests only, not for commands. An idle session must end before its thread does: granian
# ends a thread after 600 s without work, and nobody would close its connection.
POSTGRESQL_LIMITS = {"lock_timeout": 4, "idle_in_transaction_session_timeout": 60}
SERVING_LIMITS = {"statement_timeout": 10, "idle_session_timeout": 540}
IS_SERVING = "portal.wsgi" in sys.modules


def _postgresql_options(given: dict[str, Any]) -> dict[str, Any]:
    """The options that a connection is opened with. Raises ValueError."""
    limits = {
        name: int(given.pop(name, seconds)) for name, seconds in (POSTGRESQL_LIMITS | SERVING_LIMITS).items()
    }
    if min(limits.values()) < 0:
        raise ValueError
    held = [f"-c {name}={limits[name]}s" for name in limits if IS_SERVING or name in POSTGRESQL_LIMITS]
    return {"connect_timeout": 2, **given, "options": " ".join([*held, given.get("options", "")]).strip()}


def _database() -> dict[str, Any]:
    url = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'portal.sqlite3'}"
    try:
        if url.partition(":")[0] not in {"postgres", "postgresql", "sqlite"}:
            raise ValueError
        database = dict(env.db_url_config(url))
        if database["ENGINE"] == "django.db.backends.postgresql":
            database["OPTIONS"] = _postgresql_options(database.get("OPTIONS", {}))
    except ValueError:  # its message isn't shown: the address may contain a password
        raise ImproperlyConfigured(
            "DATABASE_URL takes an address such as postgres://user:password@host:5432/portal; "
            "time-outs in its query are whole seconds, as in ?statement_timeout=30"
        ) from None
    return database


DATABASES = {"default": {**_database(), "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The limits of logging in are counted here, so that all processes share the counts. Beyond MAX_ENTRIES a
# new entry removes the expired ones, then one in CULL_FREQUENCY of the live ones: in effect none. Otherwise
# a flood of other names would reopen what failed attempts have closed.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000, "CULL_FREQUENCY": 1_000_000_000},
    }
}

# Mail: the outbox sends it (`manage.py send_mail`). Each scheme has a port and its encryption.
MAIL_SCHEMES: dict[str, tuple[int, dict[str, bool]]] = {
    "smtp": (587, {"use_tls": True}),
    "smtps": (465, {"use_ssl": True}),
    "smtp+plain": (25, {}),
}


def _mailer() -> dict[str, Any]:
    """Where mail goes: to MAIL_URL's server or, without one, into files of the data folder."""
    url = env.str("MAIL_URL", default="")
    if not url:
        return {"BACKEND": "portal.outbox.FileBackend", "OPTIONS": {"file_path": str(DATA_DIR / "mail")}}
    try:
        address = urlsplit(url)
        port, encryption = MAIL_SCHEMES[address.scheme]
        port = address.port or port
        login = [unquote(part) for part in (address.username, address.password) if part]
        is_whole = address.hostname and not address.path.strip("/") and not address.query + address.fragment
        if not is_whole or len(login) == 1 or (login and not encryption):
            raise ValueError
    except (KeyError, ValueError):  # its message isn't shown: the address may contain a password
        raise ImproperlyConfigured(
            "MAIL_URL takes an address such as smtp://user:password@host:587 (STARTTLS), "
            "smtps://user:password@host or, without a login, smtp+plain://host; in a password anything but "
            "letters and digits is percent-encoded"
        ) from None
    options = {"host": address.hostname, "port": port, "timeout": 10, **encryption}
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": options | dict(zip(("username", "password"), login, strict=False)),
    }


MAILERS = {"default": _mailer()}
_mail_host = "localhost" if ":" in _address.hostname else _address.hostname  # no IPv6 address
MAIL_FROM = env.str("MAIL_FROM", default="") or f"MySonicWALL <portal@{_mail_host}>"
if not MAIL_FROM.isprintable() or not all(parseaddr(MAIL_FROM)[1].partition("@")):
    raise ImproperlyConfigured(
        f"MAIL_FROM is {MAIL_FROM!r}: it takes an address such as portal@portal.example"
    )
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM
# What mails say of Support and of where failed units go; "\\n" begins a line.
SUPPORT_CONTACT = env.str("SUPPORT_CONTACT", default="", multiline=True).strip()
RMA_RETURN_ADDRESS = env.str("RMA_RETURN_ADDRESS", default="", multiline=True).strip()

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.access.LoginBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
ACCOUNT_ADAPTER = "portal.access.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
LOGIN_URL = "account_login"
PASSWORD_RESET_TIMEOUT = 3600  # seconds, from the moment the mail with the link is sent
LOGIN_REDIRECT_URL = "main_page"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Only names with a hash are ever requested: this saves half the files, and half the first start's wait.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "portal.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# Errors go to standard error, where the operator looks; what people typed never does.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},  # a refused request is an answer, not a failure
    },
}

# A primary may share its licences with so many different units in 90 days (A9); Support may go beyond.
MOST_SHARERS = _number("MOST_SHARERS", 3, "how many units a primary shares its licenses with in 90 days")

# With it, waivers, moves to another account and late undos of cases need a second lead (W3).
FOUR_EYES = env.bool("FOUR_EYES", default=False)

# A replacement takes over the rest of the failed unit's warranty where that is longer (X2).
REPLACEMENT_KEEPS_WARRANTY = env.bool("REPLACEMENT_KEEPS_WARRANTY", default=True)

# Factory files contain authentication codes: an upload is held in memory, or in a file of mode 0600 that is
# deleted with the request.
MAX_IMPORT_MEGABYTES = _number("MAX_IMPORT_MEGABYTES", 20, "how large a factory file the desk takes")
