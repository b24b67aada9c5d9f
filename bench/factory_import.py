"""The time of importing 1,000,000 units against a bare COPY of the same rows, and the memory used.

    uv run python bench/factory_import.py

On a PostgreSQL server of its own. The bare COPY sends prepared rows, hashes included, into the same table,
indexes and foreign key included. Turns alternate in one run, each into an empty table. Memory is the peak of
a process that only imports, at 100,000 and at 1,000,000 rows.
"""

import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import django
from portal_on_postgres import portal, write

ROUNDS = 3
FEW, MANY = 100_000, 1_000_000
GOAL = 0.25
COLUMNS = "serial, model_id, code_mac, code_kid, firmware, warranty_ends_on, version, last_generation"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def write_file(path: Path, count: int) -> Path:
    """Write a factory file like a factory's: serial numbers in order, random codes."""
    from products.factory import COLUMNS as NAMES

    draw = random.Random(count)  # noqa: S311  (a bench's)
    with path.open("w") as file:
        file.write(",".join(NAMES) + "\n")
        for number in range(count):
            code = "".join(draw.choices(LETTERS, k=8))
            day = f"202{7 + number % 3}-{1 + number % 12:02d}-{1 + number % 28:02d}"
            file.write(f"{0x0006B1000000 + number:012X},PRO 5060,{code[:4]}-{code[4:]},2.5.0.0e,{day}\n")
    return path


def empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE products_unit CASCADE")
        cursor.execute("CHECKPOINT")


def import_file(path: Path) -> float:
    """The seconds that an import takes."""
    from products.factory import import_units, reading

    start = time.perf_counter()
    rows, created = import_units(
        reading(path),
        by=None,
        report=lambda problem: write(f"{problem}\n"),
        progress=lambda rows: None,
    )
    taken = time.perf_counter() - start
    if created != rows:
        raise SystemExit(f"{rows} rows made {created} units: the bench asks the wrong question")
    return taken


def save_rows(path: Path) -> None:
    """Write the table's rows in the form that COPY reads."""
    from django.db import connection

    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT {COLUMNS} FROM products_unit ORDER BY id) TO STDOUT") as copy,  # noqa: S608
        path.open("wb") as file,
    ):
        for block in copy:
            file.write(block)


def copy_rows(path: Path) -> float:
    """The seconds that a bare COPY takes."""
    from django.db import connection

    start = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY products_unit ({COLUMNS}) FROM STDIN") as copy,
        path.open("rb") as file,
    ):
        while block := file.read(1 << 16):
            copy.write(block)
    return time.perf_counter() - start


def peak(path: Path) -> int:
    """The peak memory, in MB, of a separate process that imports a file into an empty table."""
    empty()
    done = subprocess.run(  # noqa: S603
        [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def measure(folder: Path) -> None:
    few, many = write_file(folder / "few.csv", FEW), write_file(folder / "many.csv", MANY)
    ready = folder / "ready.txt"
    import_file(many)
    save_rows(ready)
    turns = []
    for _ in range(ROUNDS):
        empty()
        bare = copy_rows(ready)
        empty()
        imported = import_file(many)
        turns.append((bare, imported))
        write(f"{MANY:,} rows: bare COPY {bare:.1f} s, import {imported:.1f} s, {bare / imported:.2f}\n")
    ratio = statistics.median(bare / imported for bare, imported in turns)
    write(f"ratio {ratio:.2f} (goal: at least {GOAL})\n")
    memory = peak(few), peak(many)
    write(f"peak memory {memory[0]} MB at {FEW:,} rows, {memory[1]} MB at {MANY:,}\n")


def main() -> None:
    if len(sys.argv) > 1:  # the measured process, which inherits the environment
        django.setup()
        import_file(Path(sys.argv[1]))
        write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
        return
    with portal() as folder:
        measure(folder)


if __name__ == "__main__":
    main()
