"""Pictures of pages for README.md and docs/: what each shows is noted in its file, so that none grows old.

The note is a digest of the texts that are to be seen. Days, times and the numbers of cases don't count: they
are others in every run.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import FloatRect, Locator, Page

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 200_000
SIGNATURE, MARGIN = 8, 12
CHANGING = r"\d\d \w{3} \d{4}(, \d\d:\d\d)?|RMA-\d{4}-\d+"
NOTE = b"Shown"


def take(first: Locator, last: Locator, name: str, *, anew: bool) -> None:
    """Write a picture of a page from one part down to another, or see that the one there shows it."""
    path, digest = FOLDER / name, digest_of(first.page)
    if anew:
        first.page.evaluate("scrollTo(0, 0)")
        first.page.mouse.move(0, 0)
        path.write_bytes(noted(first.page.screenshot(full_page=True, clip=clip(first, last)), digest))
    assert path.exists(), f"docs/pictures/{name} is missing: run this test with --pictures"
    notes = [data for kind, data in chunks(path.read_bytes()) if kind == b"tEXt"]
    assert notes == [NOTE + b"\0" + digest], f"docs/pictures/{name} is old: run this test with --pictures"
    assert path.stat().st_size < LARGEST
    assert len(set(scan_lines(path))) > 100


def clip(first: Locator, last: Locator) -> FloatRect:
    """The rectangle around two parts of a page, with a margin."""
    above, below = first.bounding_box(), last.bounding_box()
    assert above
    assert below
    top, width = max(above["y"] - MARGIN, 0), max(above["width"], below["width"])
    height = below["y"] + below["height"] + MARGIN - top
    return {"x": above["x"] - MARGIN, "y": top, "width": width + 2 * MARGIN, "height": height}


def digest_of(page: Page) -> bytes:
    """The digest of what is to be read on a page below its head."""
    text = " ".join(re.sub(CHANGING, "…", page.locator("#content").inner_text()).split())
    return hashlib.sha256(text.encode()).hexdigest().encode()


def chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's parts: what each is, and its data."""
    at = SIGNATURE
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        yield kind, picture[at + 8 : at + 8 + length]
        at += length + 12


def noted(picture: bytes, digest: bytes) -> bytes:
    """The picture with its note, before the last part: the end."""
    body = b"tEXt" + NOTE + b"\0" + digest
    note = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return picture[:-12] + note + picture[-12:]


def scan_lines(path: Path) -> list[bytes]:
    """A picture's lines as its file has them: those of a blank one are all alike."""
    data = path.read_bytes()
    lines = zlib.decompress(b"".join(part for kind, part in chunks(data) if kind == b"IDAT"))
    width = struct.unpack(">I", data[16:20])[0]
    stride = 1 + width * (4 if data[25] == 6 else 3)
    return [lines[start : start + stride] for start in range(0, len(lines), stride)]
