"""The time of one unit's "entitlements on DATE" with 1,000,000 rows in the ledger, and with 10,000.

    uv run python bench/ledger.py

Each size is a database on one PostgreSQL server, which this starts and stops. The unit that is asked for is
an HF Secondary; it and its HF Primary have the same number of rows in both, scattered over the whole table.
Turns alternate in one run, so that other load on the machine affects both.
"""

import datetime
import statistics
import time

from django.db import connection
from portal_on_postgres import portal, side_by_side, turn_to, write

ROUNDS, WARM_UP = 300, 20
ROWS = {"small": 10_000, "large": 1_000_000}
OWN_ROWS = 20
GOAL = 1.5
BEGIN = datetime.date(2023, 1, 1)
DAYS = 1000
DAY = BEGIN + datetime.timedelta(days=700)

# One unit for every OWN_ROWS rows; the first two are a pair. The catalogue's entries begin with the portal.
FILL = """
ALTER TABLE licensing_ledgerentry DISABLE TRIGGER USER;
UPDATE licensing_ledgerentry SET at = '{begin}'::date - 1;
ALTER TABLE licensing_ledgerentry ENABLE TRIGGER USER;
INSERT INTO products_unit
    (serial, model_id, code_mac, code_kid, firmware, version, last_generation)
SELECT upper(lpad(to_hex(n), 12, '0')), (SELECT id FROM products_productmodel WHERE name = 'PRO 5060'),
    '', '', '', 0, 0
FROM generate_series(1, {units}) n;
INSERT INTO products_registration (uuid, unit_id, account_id, friendly_name, code, search, registered_at,
    released_to, release_reason)
SELECT gen_random_uuid(), id, (SELECT id FROM portal_account), 'Unit', lpad(id::text, 8, '0'), '',
    '{begin}'::date - 1, '', '' FROM products_unit;
INSERT INTO licensing_ledgerentry
    (at, reason, unit_id, service_id, before, after, "right", detail)
SELECT '{begin}'::date + (n * {days} / {rows}) * interval '1 day', 'bench', units.id, services.id, NULL,
    jsonb_build_object('kind', 'licensed', 'count', NULL, 'expires_on', '2025-06-01'), 'key', 'WXYZ'
FROM generate_series(0, {rows} - 1) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS i FROM products_unit) units ON units.i = n % {units}
JOIN (SELECT id, row_number() OVER (ORDER BY code) - 1 AS i FROM licensing_service) services
    ON services.i = 2 + n / {units} % 5
ORDER BY n;
INSERT INTO associations_seat
    (uuid, "group", type_id, registration_id, side, shares, began_at, reason, by_rma)
SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000000',
    (SELECT id FROM associations_associationtype WHERE slug = 'hf'), id,
    CASE WHEN i = 1 THEN 'parent' ELSE 'child' END, i = 2, '{begin}', '', false
FROM (SELECT id, row_number() OVER (ORDER BY id) AS i FROM products_registration) pair WHERE i < 3;
"""


def fill(rows: int) -> None:
    from portal.models import Account

    Account.objects.create(name="Bench")
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=rows, units=rows // OWN_ROWS, begin=BEGIN, days=DAYS))
        cursor.execute("VACUUM ANALYZE")


def seconds() -> float:
    """The time of one answer, queries included."""
    from licensing.entitlements.on_a_day import entitlements_on
    from products.models import Registration

    secondary = Registration.objects.select_related("unit").order_by("pk")[1]
    start = time.perf_counter()
    rows = entitlements_on(secondary, DAY)
    taken = time.perf_counter() - start
    if not any(row.right.startswith("shared from") for row in rows):
        raise SystemExit("the secondary shares nothing: the bench asks the wrong question")
    return taken


def main() -> None:
    with portal():
        side_by_side(ROWS, fill)
        taken: dict[str, list[float]] = {name: [] for name in ROWS}
        for _ in range(WARM_UP + ROUNDS):
            for name in ROWS:
                turn_to(name)
                taken[name].append(seconds())
        turns = list(zip(*taken.values(), strict=True))[WARM_UP:]
        for rows, times in zip(ROWS.values(), zip(*turns, strict=True), strict=True):
            write(f"{rows:>9,} rows   {statistics.median(times) * 1000:.2f} ms\n")
        ratio = statistics.median(large / small for small, large in turns)
        write(f"ratio {ratio:.2f} (goal: at most {GOAL})\n")


if __name__ == "__main__":
    main()
