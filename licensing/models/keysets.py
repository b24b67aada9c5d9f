"""Keysets as they were issued, and what the newest of each unit was derived from."""

import datetime

from django.db import models

from portal.models import User
from products.models import Unit


class Keyset(models.Model):
    """A keyset as it was issued. `issued` is the moment in its text, in Unix seconds."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="keysets", db_index=False)
    generation = models.PositiveBigIntegerField()
    issued = models.PositiveBigIntegerField()
    text = models.CharField(max_length=8192)
    first_read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("unit", "generation", name="keyset_generation_once")]

    def __str__(self) -> str:
        return f"Keyset {self.generation}"

    @property
    def issued_at(self) -> datetime.datetime:
        """`issued` as a moment in UTC."""
        return datetime.datetime.fromtimestamp(self.issued, tz=datetime.UTC)


class KeysetHead(models.Model):
    """A unit's newest keyset, and the versions of everything that it was derived from.

    `source` is the unit whose licences it shares. `pools` is the sum of the versions of the units of whose
    licences the two hold parts. `recheck_on` is the next day on which time alone changes the keyset.
    `applied` is the keyset that somebody confirmed to be on the appliance.
    """

    unit = models.OneToOneField(Unit, models.PROTECT, related_name="keyset_head")
    keyset = models.ForeignKey(Keyset, models.PROTECT, related_name="+")
    version = models.PositiveBigIntegerField()
    source = models.ForeignKey(Unit, models.PROTECT, null=True, related_name="+")
    source_version = models.PositiveBigIntegerField(null=True)
    pools = models.PositiveBigIntegerField(default=0)
    catalogue = models.PositiveBigIntegerField()
    recheck_on = models.DateField(null=True)
    applied = models.ForeignKey(Keyset, models.PROTECT, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"Head at {self.keyset}"
