"""The time and the number of queries of an account's readiness with 10,000 pairs, and with 100.

    uv run python bench/readiness.py

On a PostgreSQL server of its own. A tenth of the pairs has outdated keysets, a tenth has shared-out counts, a
tenth was never confirmed.
"""

import time
import uuid

from portal_on_postgres import portal, write

FEW, MANY, PAGE = 100, 10_000, 50


def fill(count: int, first: int) -> object:
    """Create an account with this many pairs, in bulk; serial numbers count from `first`."""
    from django.utils import timezone

    from associations.models import AssociationType, Seat, Side
    from licensing.entitlements.today import entitlements
    from licensing.keyset import sign
    from licensing.keysets.issuing import content_of, current_heads
    from licensing.keysets.signing import active_signer
    from licensing.models import CatalogueState, Keyset, KeysetHead, Licence, PoolPart, Service
    from portal.clock import today
    from portal.models import Account
    from products.models import ProductModel, Registration, Unit

    account, hf = Account.objects.create(name=f"{count} pairs"), AssociationType.objects.get(slug="hf")
    model, day = ProductModel.objects.get(name="PRO 5060"), today()
    units = Unit.objects.bulk_create(
        [
            Unit(serial=f"{first + n:012X}", model=model, code_mac="", code_kid="", last_generation=1)
            for n in range(2 * count)
        ],
        batch_size=5_000,
    )
    held = Registration.objects.bulk_create(
        [
            Registration(
                unit=unit, account=account, friendly_name=f"Unit {n}", code=f"{unit.pk:08d}", search=""
            )
            for n, unit in enumerate(units)
        ],
        batch_size=5_000,
    )
    seats = []
    for primary, secondary in zip(held[::2], held[1::2], strict=True):
        group = uuid.uuid4()
        seats += [
            Seat(group=group, type=hf, registration=primary, side=Side.PARENT),
            Seat(group=group, type=hf, registration=secondary, side=Side.CHILD, shares=True),
        ]
    Seat.objects.bulk_create(seats, batch_size=5_000)
    services = list(Service.objects.filter(code__in=[2, 3, 5, 6]))
    licences = Licence.objects.bulk_create(
        [
            Licence(
                registration=primary,
                service=service,
                count=50 if service.is_counted else None,
                begins_on=today(),
                counted_from=1,
            )
            for primary in held[::2]
            for service in services
        ],
        batch_size=5_000,
    )
    # Every tenth primary gave counts to the secondary of the next pair.
    counted = [licence for licence in licences if licence.count]
    PoolPart.objects.bulk_create(
        [
            PoolPart(licence=counted[n], registration=held[2 * ((n + 1) % count) + 1], count=5)
            for n in range(0, count, 10)
        ]
    )
    # Every unit's keyset has the content of the first pair's, signed again for its serial number.
    signer, moment = active_signer(), int(timezone.now().timestamp())
    texts = []
    samples = []
    for unit, source in ((held[2], None), (held[3], held[2])):
        samples.append(content_of(unit, source, entitlements(unit, source=source, today=day), day))
    from dataclasses import replace

    for n, registration in enumerate(held):
        primary = held[n - 1].unit.serial if n % 2 else None
        serial = registration.unit.serial
        content = replace(samples[n % 2], serial=serial, primary=primary, generation=1, issued=moment)
        texts.append(sign(content, signer))
    keysets = Keyset.objects.bulk_create(
        [
            Keyset(unit=registration.unit, generation=1, issued=moment, text=text)
            for registration, text in zip(held, texts, strict=True)
        ],
        batch_size=5_000,
    )
    catalogue, heads = CatalogueState.objects.get().version, []
    for n, (registration, keyset) in enumerate(zip(held, keysets, strict=True)):
        is_known, is_behind = n // 2 % 10 != 1, n // 2 % 10 == 2
        heads.append(
            KeysetHead(
                unit=registration.unit,
                keyset=keyset,
                version=0,
                source=held[n - 1].unit if n % 2 else None,
                source_version=0 if n % 2 else None,
                catalogue=catalogue - is_behind,
                applied=keyset if is_known else None,
                applied_at=timezone.now() if is_known else None,
            )
        )
    KeysetHead.objects.bulk_create(heads, batch_size=5_000)
    current = current_heads(day).filter(unit__in=units[:20]).count()
    write(f"{account.name}: {current} of the first 20 units have a current head\n")
    return account


def measure(account: object, limit: int | None = None) -> tuple[float, int, dict[str, int]]:
    """The best of three: seconds, queries, and the number of pairs in each state."""
    from collections import Counter

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from licensing.readiness.pairs import account_readiness
    from portal.clock import today

    times = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            start = time.perf_counter()
            found = account_readiness(account, today(), limit=limit)
            times.append(time.perf_counter() - start)
    return min(times), len(queries), dict(Counter(str(readiness.state) for readiness in found))


def main() -> None:
    with portal():
        accounts = fill(FEW, 0x100000000), fill(MANY, 0x200000000)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        for account, count, limit in (
            (accounts[0], FEW, None),
            (accounts[1], MANY, None),
            (accounts[1], PAGE, PAGE),
        ):
            seconds, queries, states = measure(account, limit)
            write(f"{account}, {count:,} asked: {seconds:.3f} s, {queries} queries, {states}\n")


if __name__ == "__main__":
    main()
