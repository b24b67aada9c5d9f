"""All corrections: their addresses, links and rows of the access table follow from these classes."""

from desk.corrections import associations, licences, units
from desk.corrections.base import Correction

CORRECTIONS: list[type[Correction]] = [
    found
    for module in (associations, licences, units)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Correction) and "name" in vars(found)
]
