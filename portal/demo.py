"""The demo account: the units of the source's figures, half of them registered, half not yet."""

import datetime
import io
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from licensing.activation.codes import known_macs, normalize_key
from licensing.activation.redeeming import make_activation_keys
from licensing.grants.giving import grant_licence
from licensing.models import ActivationKey, Service
from portal import audit
from portal.audit_codes import AuditCode
from portal.keys import write_secret
from portal.models import Account, Membership, User
from products.codes import code_matches
from products.factory import COLUMNS, import_units
from products.models import Registration, Unit
from products.serials import normalize_code
from products.services import register

OWNER, SUPPORT = "HFChanges", "support"
REASON = "the demo's licenses"


@dataclass(frozen=True, slots=True)
class DemoUnit:
    """A unit of the demo's factory record; one with a friendly name is registered."""

    serial: str
    model: str
    code: str
    friendly_name: str = ""


UNITS = [
    DemoUnit("0006B1124416", "PRO 5060", "7KMD-P2QX", "PRO 5060 1st"),
    DemoUnit("0006B112441C", "PRO 5060", "W4TE-9HNB", "PRO 5060 2nd"),
    DemoUnit("0006B1124422", "PRO 5060", "Q3VC-8RLY"),
    DemoUnit("0006B1124440", "PRO 5060", "J6XF-5DWS"),
    DemoUnit("0006B10A77E1", "PRO 2040", "N9GA-4TKH"),
]
# Activation keys: the service's code, the count, the months.
KEYS = [(2, 10, 12), (5, None, 12), (4, None, 12), (9, 10, None)]


def demo_password(given: str | None) -> str:
    """Return the demo's password: the given one, the last start's, or a new one. Stored with mode 0600."""
    path = Path(settings.DATA_DIR) / "demo_password"
    if given is None and path.exists():
        return path.read_text().strip()
    password = given or secrets.token_urlsafe(12)
    path.unlink(missing_ok=True)
    write_secret(path, password.encode())
    return password


@transaction.atomic
def load_demo(*, password: str, today: datetime.date) -> None:
    """Create what is missing of the demo's logins, units, registrations and licences; change nothing else."""
    owner, support = _user(OWNER, password), _user(SUPPORT, password, is_staff=True, is_superuser=True)
    if Membership.objects.filter(user=owner).exists():
        return
    account = Account.objects.create(name="HF Changes")
    Membership.objects.create(account=account, user=owner, role=Membership.Role.OWNER)
    audit.record(AuditCode.ACCOUNT_OPENED, by=None, account=account, reason="demo")
    rows = [",".join([u.serial, u.model, u.code, "2.5.0.0e", f"{today.year + 2}-06-30"]) for u in UNITS]
    text = "\n".join([",".join(COLUMNS), *rows])
    import_units(lambda: io.StringIO(text), by=None, report=lambda problem: None, progress=lambda rows: None)
    for unit in UNITS:
        if unit.friendly_name:
            register(
                account=account,
                serial_number=unit.serial,
                authentication_code=unit.code,
                friendly_name=unit.friendly_name,
                by=owner,
                now=timezone.now(),
            )
    _grant_licences(Unit.objects.get(serial=UNITS[0].serial), support, today)
    _make_keys(support)


def unregistered_units() -> list[DemoUnit]:
    """The demo's units that can still be registered: free, not retired, with the code that the demo shows."""
    free = Unit.objects.filter(retired_at=None).exclude(pk__in=Registration.objects.live().values("unit"))
    found = {unit.serial: unit for unit in free.filter(serial__in=[unit.serial for unit in UNITS])}
    return [
        shown
        for shown in UNITS
        if (unit := found.get(shown.serial))
        and code_matches(unit.serial, normalize_code(shown.code), mac=unit.code_mac, kid=unit.code_kid)
    ]


def unused_keys() -> list[tuple[str, str]]:
    """The demo's activation keys that nobody has redeemed yet, each with a description."""
    path = _keys_file()
    lines = path.read_text().splitlines() if path.exists() else []
    keys = [(key, description) for key, _, description in (line.partition(" ") for line in lines)]
    unused = ActivationKey.objects.filter(redeemed_at=None, revoked_at=None)
    return [pair for pair in keys if unused.filter(mac__in=known_macs(normalize_key(pair[0]))).exists()]


def _make_keys(support: User) -> None:
    """Make an activation key for each of KEYS, and store them for the next start."""
    lines = []
    for code, count, months in KEYS:
        service = Service.objects.get(code=code)
        _, (key,) = make_activation_keys(
            service=service, count=count, months=months, number=1, model=None, reason="the demo", by=support
        )
        number, term = f" for {count}" if count else "", f"{months} months" if months else "no term: upgrade"
        lines.append(f"{key} {service}{number}, {term}")
    _keys_file().unlink(missing_ok=True)
    write_secret(_keys_file(), "\n".join(lines).encode())


def _keys_file() -> Path:
    return Path(settings.DATA_DIR) / "demo_keys"


def _user(name: str, password: str, **flags: bool) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        return User.objects.create_user(name, email=None, password=password, **flags)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _grant_licences(unit: Unit, support: User, today: datetime.date) -> None:
    """Grant the source's last table, dated from today; what is expired is granted as of its last day."""
    year = datetime.timedelta(days=365)
    expiries = {
        2: today - datetime.timedelta(days=5),
        3: today + year,
        5: today - datetime.timedelta(days=22),
        6: today + year,
    }
    for code, expires_on in expiries.items():
        service = Service.objects.get(code=code)
        grant_licence(
            unit=unit,
            service=service,
            count=3 if service.is_counted else None,
            expires_on=expires_on,
            reason=REASON,
            by=support,
            today=min(today, expires_on),
        )
