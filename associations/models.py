"""Which units belong together, in which roles, now and before."""

import uuid

from django.db import models
from django.db.models import Q

from associations.querysets import SeatQuerySet
from portal.models import User
from products.models import ProductModel, Registration


class Side(models.TextChoices):
    """The two ends of an association."""

    PARENT = "parent"
    CHILD = "child"


class AssociationType(models.Model):
    """A way in which units can be associated. Data, not code: HF, SonicPoint, SonicWALL SonicPoint G.

    Where `shares_licences` is set, one child of a parent shares its licences; further children are spares.
    `position` orders the types on pages.
    """

    slug = models.SlugField(max_length=30, db_index=False)
    parent_label = models.CharField(max_length=40)
    child_label = models.CharField(max_length=40)
    is_same_model = models.BooleanField("same model required")
    shares_licences = models.BooleanField("one child shares the parent's licences")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["slug"], name="associationtype_slug_once")]

    def __str__(self) -> str:
        return f"{self.parent_label} / {self.child_label}"


class TypeModel(models.Model):
    """A model that can take a side in a type."""

    type = models.ForeignKey(AssociationType, models.CASCADE, related_name="models", db_index=False)
    model = models.ForeignKey(ProductModel, models.PROTECT, related_name="type_models")
    side = models.CharField(max_length=6, choices=Side)

    class Meta:
        verbose_name, verbose_name_plural = "model that fits a type", "models that fit types"
        constraints = [
            models.UniqueConstraint("type", "model", "side", name="typemodel_once"),
            models.CheckConstraint(condition=Q(side__in=["parent", "child"]), name="typemodel_side_known"),
        ]

    def __str__(self) -> str:
        return f"{self.model} as {self.side}, {self.type}"


class Seat(models.Model):
    """A registration's place in a group of associated units: one parent and its children.

    A seat never changes: it ends and another begins. Live and ended seats together are the history. The
    unique constraints alone refuse a second parent, a chain, a self-association and two sharing children.
    `swapped_with` is the unit from which a parent got its role, and licences, by a swap (A8).
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    group = models.UUIDField()
    type = models.ForeignKey(AssociationType, models.PROTECT, related_name="seats")
    registration = models.ForeignKey(Registration, models.PROTECT, related_name="seats", db_index=False)
    side = models.CharField(max_length=6, choices=Side)
    shares = models.BooleanField(default=False)
    began_at = models.DateTimeField(auto_now_add=True)
    began_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)
    by_rma = models.BooleanField("made by an RMA", default=False)
    swapped_with = models.ForeignKey(
        Registration, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = "place in an association", "places in associations"
        constraints = [
            models.UniqueConstraint(
                "type", "registration", condition=Q(ended_at=None), name="seat_one_in_type"
            ),
            models.UniqueConstraint(
                "group", condition=Q(ended_at=None, side="parent"), name="seat_one_parent"
            ),
            models.UniqueConstraint(
                "group", condition=Q(ended_at=None, shares=True), name="seat_one_sharing"
            ),
            models.UniqueConstraint(
                "registration", condition=Q(ended_at=None, shares=True), name="seat_one_source"
            ),
            models.CheckConstraint(
                condition=Q(shares=False) | Q(side="child"), name="seat_only_children_share"
            ),
            models.CheckConstraint(condition=Q(side__in=["parent", "child"]), name="seat_side_known"),
        ]
        indexes = [
            models.Index(fields=["group"], name="seat_group"),
            models.Index(fields=["registration", "began_at"], name="seat_history"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.registration}"

    @property
    def label(self) -> str:
        """The role as pages name it: HF Primary, HF Secondary, SonicPoint."""
        return self.type.parent_label if self.side == Side.PARENT else self.type.child_label

    @property
    def role(self) -> str:
        """The label, and whether it is a spare: HF Secondary (spare)."""
        return f"{self.label} (spare)" if self.is_spare else self.label

    @property
    def is_spare(self) -> bool:
        """A child of a sharing type that doesn't share."""
        return self.side == Side.CHILD and self.type.shares_licences and not self.shares
