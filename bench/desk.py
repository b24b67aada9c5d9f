"""The desk's search and unit page: their time with 5,000,000 units and 1,000,000 registrations, and 1,000.

    uv run python bench/desk.py [units registrations]

Each size is a database on one PostgreSQL server, which this starts and stops. Both have the same number of
units that are asked for: pairs with licences, keysets, RMA cases, and 30 rows of ledger and audit trail each,
scattered over the whole table. Turns alternate in one run, through Django's test client as an agent of the
desk, so that other load on the machine affects both.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from portal_on_postgres import portal, side_by_side, turn_to, write

ROUNDS, WARM_UP = 100, 20
SIZES = {"small": (1_000, 1_000), "large": (5_000_000, 1_000_000)}
ASKED = 20
"""How many HF Primaries are asked for, in turn."""
GOAL = 1.5
FIRST_SERIAL = 0x0006B1000000
CITIES = (
    "Lisbon,Porto,Madrid,Paris,Lyon,Milan,Rome,Naples,Athens,Vienna,Prague,Berlin,Bremen,Hamburg,Cologne,"
    "Oslo,Bergen,Malmo,Turku,Riga,Tallinn,Vilnius,Warsaw,Krakow,Gdansk,Minsk,Kyiv,Odessa,Varna,Sofia"
)
KINDS = "Logistics,Foods,Bank,Clinic,Hotels,Motors,Textiles,Media,School,Energy,Mining,Optics"

# Ten registrations and one user for each account; a tenth of the registrations is in pairs with licences.
FILL = """
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
CREATE TEMP TABLE city AS SELECT i - 1 AS i, name FROM unnest('{cities}'::text[]) WITH ORDINALITY c(name, i);
CREATE TEMP TABLE kind AS SELECT i - 1 AS i, name FROM unnest('{kinds}'::text[]) WITH ORDINALITY k(name, i);
CREATE TEMP TABLE model AS SELECT row_number() OVER (ORDER BY code) - 1 AS i, id, line
    FROM products_productmodel WHERE name LIKE 'PRO %';
INSERT INTO portal_account (uuid, name, search, created_at)
SELECT gen_random_uuid(), city.name || ' ' || kind.name || ' ' || n,
    lower(city.name || ' ' || kind.name || ' ' || n), now()
FROM generate_series(1, {registrations} / 10) n
JOIN city ON city.i = n % {city_count} JOIN kind ON kind.i = n / {city_count} % {kind_count} ORDER BY n;
INSERT INTO portal_user (username, email, password, first_name, last_name, is_active, is_staff, is_superuser,
    date_joined, search)
SELECT 'person' || id, mail, '!', '', '', true, false, false, now(), 'person' || id || ' ' || mail
FROM portal_account,
LATERAL (SELECT 'person' || id || '@' || lower(split_part(name, ' ', 2)) || '.example' AS mail) ORDER BY id;
INSERT INTO portal_membership (account_id, user_id, role)
SELECT substr(username, 7)::bigint, id, 'owner' FROM portal_user WHERE username LIKE 'person%';
INSERT INTO products_unit (serial, model_id, code_mac, code_kid, firmware, warranty_ends_on, version,
    last_generation)
SELECT upper(lpad(to_hex({first} + n), 12, '0')), model.id, '', '', '2.5.0.0e', '2027-06-30', 0, 0
FROM generate_series(1, {units}) n
JOIN model ON model.i = n / 10 % (SELECT count(*) FROM model) ORDER BY n;
INSERT INTO products_registration (uuid, unit_id, account_id, friendly_name, code, search, registered_at,
    released_to, release_reason)
SELECT gen_random_uuid(), unit.id, (unit.n - 1) / 10 + (SELECT min(id) FROM portal_account),
    city.name || ' office ' || unit.n, code, lower(concat_ws(' ', city.name || ' office ' || unit.n, serial,
    line, code)), now() - interval '900 days', '', ''
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM products_unit) unit
JOIN model ON model.id = unit.model_id JOIN city ON city.i = unit.n * 7 % {city_count},
LATERAL (SELECT lpad(upper(to_hex(unit.n * 2654435761 % 4294967296)), 8, '0') AS code)
WHERE unit.n <= {registrations} ORDER BY unit.n;
INSERT INTO associations_seat (uuid, "group", type_id, registration_id, side, shares, began_at, reason,
    by_rma)
SELECT gen_random_uuid(), md5(((n - 1) / 2)::text)::uuid,
    (SELECT id FROM associations_associationtype WHERE slug = 'hf'), id,
    CASE WHEN n % 2 = 1 THEN 'parent' ELSE 'child' END, n % 2 = 0, now() - interval '800 days', '', false
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM products_registration) r
WHERE n % 100 BETWEEN 1 AND 10;
INSERT INTO licensing_licence (registration_id, service_id, kind, expires_on)
SELECT seat.registration_id, service.id, 'licensed', '2027-11-30'
FROM associations_seat seat JOIN licensing_service service ON service.code IN (3, 5, 6) WHERE side = 'parent';
INSERT INTO licensing_ledgerentry (at, reason, unit_id, service_id, before, after, "right", detail)
SELECT now() - interval '700 days', 'bench', unit_id, (SELECT id FROM licensing_service WHERE code = 3), NULL,
    '{{"kind": "licensed", "count": null, "expires_on": "2027-11-30"}}', 'key', 'WXYZ'
FROM products_registration;
INSERT INTO portal_auditentry (action, at, account_id, code, serial, reason, data)
SELECT gen_random_uuid(), now() - interval '700 days', account_id, 'registered', serial, '', '{{}}'
FROM products_registration JOIN products_unit unit ON unit.id = unit_id;
INSERT INTO licensing_rmacase (uuid, kind, state, account_id, failed_id, symptom, contact, address,
    warranty_waiver, model_waiver, decision, asked_at, asked_by_id)
SELECT gen_random_uuid(), 'replacement', 'declined', account_id, id, 'bench', '', '', '', '', '', now(),
    (SELECT id FROM portal_user WHERE username = 'agent')
FROM products_registration WHERE id % 50 = 0;
SET session_replication_role = origin;
"""
# What else the units that are asked for have, 30 times: {unit} and {serial} of each.
MORE = """
INSERT INTO licensing_ledgerentry (at, reason, unit_id, service_id, before, after, "right", detail)
SELECT now() - n * interval '10 days', 'bench', {unit},
    (SELECT id FROM licensing_service WHERE code = 5), NULL,
    '{{"kind": "licensed", "count": null, "expires_on": "2027-11-30"}}', 'key', 'WXYZ'
FROM generate_series(1, 30) n;
INSERT INTO portal_auditentry (action, at, code, serial, reason, data)
SELECT gen_random_uuid(), now() - n * interval '10 days', 'bench', '{serial}', 'bench', '{{}}'
FROM generate_series(1, 30) n;
"""


def fill(sizes: tuple[int, int]) -> None:
    """Fill a database in bulk, then add the histories of the units that are asked for."""
    units, registrations = sizes
    start = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            FILL.format(
                units=units,
                registrations=registrations,
                first=FIRST_SERIAL,
                cities=f"{{{CITIES}}}",
                kinds=f"{{{KINDS}}}",
                city_count=CITIES.count(",") + 1,
                kind_count=KINDS.count(",") + 1,
            )
        )
        for unit in asked():
            cursor.execute(MORE.format(unit=unit.unit_id, serial=unit.unit.serial))
        cursor.execute("VACUUM ANALYZE")
    prepare_keysets()
    write(
        f"{units:,} units, {registrations:,} registrations: filled in {time.perf_counter() - start:.0f} s\n"
    )


def asked() -> list[Any]:
    """The HF Primaries that are asked for, scattered over all."""
    from associations.models import Seat

    seats = Seat.objects.filter(side="parent").select_related("registration__unit", "registration__account")
    first, last = (seats.order_by(order).values_list("pk", flat=True)[0] for order in ("pk", "-pk"))
    step = (last - first) / ASKED
    return [
        seats.filter(pk__gte=first + int(number * step)).order_by("pk")[0].registration
        for number in range(ASKED)
    ]


def prepare_keysets() -> None:
    """Issue the keysets of these units, and open a case on each."""
    from licensing.keysets.issuing import read_keyset
    from licensing.models import RmaCase
    from portal.clock import today
    from portal.models import User

    agent = User.objects.get(username="agent")
    for registration in asked():
        read_keyset(registration=registration, today=today())
        RmaCase.objects.create(
            account=registration.account, failed=registration, symptom="bench", asked_by=agent
        )


def prepare() -> None:
    """Add what both databases share: collected files, and a user of the desk."""
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    from portal.models import User
    from portal.roles import LEAD

    call_command("collectstatic", interactive=False, verbosity=0)
    User.objects.create(username="agent", is_staff=True).groups.set([Group.objects.get(name=LEAD)])


type Ask = Callable[[], Any]


def questions() -> Iterator[tuple[str, list[Ask], int]]:
    """The questions of an agent to the present database: name, ways to ask in turn, expected status."""
    from django.test import Client

    from licensing.models import Keyset, RmaCase
    from portal.models import User

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="agent"))
    units = asked()

    def search(texts: list[str]) -> list[Ask]:
        return [lambda text=text: client.post("/support/search/", {"q": text}) for text in texts]

    def pages(paths: list[str]) -> list[Ask]:
        return [lambda path=path: client.get(path) for path in paths]

    serials = [unit.unit.serial for unit in units]
    keysets = [Keyset.objects.get(unit=unit.unit_id).text for unit in units]
    cases = [RmaCase.objects.filter(failed=unit).order_by("-pk")[0].number for unit in units]
    owners = [User.objects.get(membership__account=unit.account) for unit in units]
    yield (
        "serial number",
        search([":".join(s[i : i + 2] for i in range(0, 12, 2)).lower() for s in serials]),
        302,
    )
    yield "first 10 digits", search([serial[:10] for serial in serials]), 200
    yield "last 6 digits", search([f"{serial[6:]}" for serial in serials]), 200
    yield "registration code", search([unit.code for unit in units]), 302
    yield "friendly name", search([unit.friendly_name for unit in units]), 200
    yield "part of a name", search([unit.friendly_name[2:] for unit in units]), 200
    yield "a common name", search([f"{city} off" for city in CITIES.split(",")]), 200
    yield "a common part", search(["office"]), 200
    yield "account", search([unit.account.name for unit in units]), 200
    yield "part of an account", search([unit.account.name[3:] for unit in units]), 200
    yield "user", search([owner.username for owner in owners]), 200
    yield "e-mail", search([owner.email for owner in owners]), 200
    yield "nothing there", search([f"Atlantis {number}" for number in range(ASKED)]), 200
    yield "RMA number", search(cases), 302
    yield "keyset", search(keysets), 302
    yield "unit page", pages([f"/support/units/{serial}/" for serial in serials]), 200
    yield "front page", pages(["/support/"]), 200
    yield "list of units", pages(["/support/products/unit/"]), 200
    yield "list of registrations", pages(["/support/products/registration/"]), 200
    yield (
        "a name in that list",
        pages([f"/support/products/registration/?q={u.friendly_name}" for u in units]),
        200,
    )


def seconds(ask: Ask, status: int) -> float:
    """The time of one answer."""
    start = time.perf_counter()
    response = ask()
    taken = time.perf_counter() - start
    if response.status_code != status:
        raise SystemExit(f"answered {response.status_code}, not {status}")
    return taken


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def measure() -> None:
    """Ask both databases every question in turn, and print the times."""
    asking: dict[str, dict[str, tuple[list[Ask], int]]] = {}
    for name in SIZES:
        turn_to(name)
        for question, ways, status in questions():
            asking.setdefault(question, {})[name] = (ways, status)
    write(f"{'p95, ms':<22} {'small':>7} {'large':>7} {'ratio':>6} {'of medians':>11}\n")
    for question, both in asking.items():
        taken: dict[str, list[float]] = {name: [] for name in SIZES}
        for turn in range(WARM_UP + ROUNDS):
            for name, (ways, status) in both.items():
                turn_to(name)
                taken[name].append(seconds(ways[turn % len(ways)], status))
        small, large = (times[WARM_UP:] for times in taken.values())
        ratio, middle = p95(large) / p95(small), statistics.median(large) / statistics.median(small)
        figures = f"{p95(small) * 1000:7.1f} {p95(large) * 1000:7.1f} {ratio:6.2f} {middle:11.2f}"
        write(f"{question:<22} {figures}\n")
        sys.stdout.flush()
    write(f"goal: at most {GOAL}\n")


def main() -> None:
    if len(sys.argv) == 3:
        SIZES["large"] = (int(sys.argv[1]), int(sys.argv[2]))
    with portal():
        prepare()
        side_by_side(SIZES, fill)
        measure()


if __name__ == "__main__":
    main()
