"""Tables as CSV files for spreadsheets."""

import csv
import io
from collections.abc import Iterable

CSV_TYPE = "text/csv; charset=utf-8"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """The text of a CSV file; its first row names the columns."""
    text = io.StringIO(newline="")
    text.write("\ufeff")  # Excel needs it
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: str) -> str:
    """Prefix an apostrophe to what a spreadsheet would run as a formula, so that it stays text."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
