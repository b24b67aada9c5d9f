"""Everything that is written about associations (rules A1, A2, A9)."""

import uuid

from django.db import transaction
from django.db.models import Q

from associations.errors import (
    AlreadyChild,
    AlreadyParent,
    DifferentModels,
    NotOneAccount,
    ParentIsChild,
    TypeDoesNotFit,
    TypeInUse,
    UnitNotActive,
    WithItself,
)
from associations.models import AssociationType, Seat, Side, TypeModel
from portal import audit
from portal.models import User
from products.models import ProductModel, Registration, Unit


@transaction.atomic
def associate(
    *, parent: Registration, child: Registration, type: AssociationType, by: User, reason: str = ""
) -> Seat:
    """Seat a child beside a parent; return the child's seat.

    The first child of a sharing type shares the parent's licences, each further one is a spare (A9).
    Saying again what is so already changes nothing. Raises NotOneAccount, UnitNotActive, TypeDoesNotFit and
    DifferentModels (A1), WithItself, AlreadyChild, AlreadyParent and ParentIsChild (A2).
    """
    parent, child = _lock_both(parent, child)
    # The seats' foreign key is deferred: it would hold the type's row from COMMIT on only.
    type = AssociationType.objects.select_for_update(no_key=True).get(pk=type.pk)
    seats = {
        seat.registration_id: seat
        for seat in Seat.objects.live().filter(type=type, registration__in=[parent, child])
    }
    parent_seat, child_seat = seats.get(parent.pk), seats.get(child.pk)
    if parent_seat and child_seat and child_seat.group == parent_seat.group and child_seat.side == Side.CHILD:
        return child_seat
    _check_free(parent, child, type, parent_seat, child_seat)
    _check_fit(parent, child, type)
    if parent_seat is None:
        parent_seat = Seat.objects.create(
            group=uuid.uuid4(), type=type, registration=parent, side=Side.PARENT, began_by=by, reason=reason
        )
    taken = Seat.objects.live().filter(Q(group=parent_seat.group) | Q(registration=child), shares=True)
    shares = type.shares_licences and not taken.exists()
    child_seat = Seat.objects.create(
        group=parent_seat.group,
        type=type,
        registration=child,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
    )
    Unit.objects.filter(pk=child.unit_id).raise_version()
    audit.record(
        "associated",
        by=by,
        account=parent.account,
        serials=[parent.unit.serial, child.unit.serial],
        reason=reason,
        data={"type": type.slug, "parent": parent.unit.serial, "child": child.unit.serial, "shares": shares},
    )
    return child_seat


def _lock_both(parent: Registration, child: Registration) -> tuple[Registration, Registration]:
    """Lock both units, then read both registrations as they are now."""
    if parent.pk == child.pk:
        raise WithItself
    units = {unit.pk: unit for unit in Unit.objects.locked([parent.unit_id, child.unit_id])}
    fresh = (
        Registration.objects.live().select_related("account", "unit__model").in_bulk([parent.pk, child.pk])
    )
    if len(fresh) < 2 or len({registration.account_id for registration in fresh.values()}) > 1:
        raise NotOneAccount
    for unit in units.values():
        if unit.retired_at:
            raise UnitNotActive(serial=unit.serial)
    return fresh[parent.pk], fresh[child.pk]


def _check_fit(parent: Registration, child: Registration, type: AssociationType) -> None:
    """A1: both models can take their side in the type, and are the same where the type asks for it."""
    fitting = set(TypeModel.objects.filter(type=type).values_list("side", "model_id"))
    for registration, side, label in (
        (parent, Side.PARENT, type.parent_label),
        (child, Side.CHILD, type.child_label),
    ):
        if (side, registration.unit.model_id) not in fitting:
            raise TypeDoesNotFit(product=registration.unit.model.full_name, label=label)
    if type.is_same_model and parent.unit.model_id != child.unit.model_id:
        raise DifferentModels(
            parent=parent.friendly_name,
            child=child.friendly_name,
            parent_label=type.parent_label,
            child_label=type.child_label,
        )


def _check_free(
    parent: Registration,
    child: Registration,
    type: AssociationType,
    parent_seat: Seat | None,
    child_seat: Seat | None,
) -> None:
    """A2: the child is in no association of the type, the parent in none or a parent there."""
    labels = {"parent_label": type.parent_label, "child_label": type.child_label}
    if child_seat and child_seat.side == Side.CHILD:
        present = Seat.objects.live().with_units().get(group=child_seat.group, side=Side.PARENT).registration
        raise AlreadyChild(
            child=child.friendly_name, serial=child.unit.serial, parent=present.friendly_name, **labels
        )
    if child_seat:
        raise AlreadyParent(child=child.friendly_name, serial=child.unit.serial, **labels)
    if parent_seat and parent_seat.side == Side.CHILD:
        raise ParentIsChild(parent=parent.friendly_name, serial=parent.unit.serial, **labels)


@transaction.atomic
def save_association_type(*, type: AssociationType, by: User | None, reason: str) -> AssociationType:
    """Create or change an association type. What live associations rest on stays: raises TypeInUse."""
    present = AssociationType.objects.select_for_update().filter(pk=type.pk).first()
    for field in ("is_same_model", "shares_licences"):
        if present and getattr(present, field) != getattr(type, field) and present.seats.live().exists():
            # Both are plain fields, and those have one.
            raise TypeInUse(what=AssociationType._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
    type.save()
    audit.record("association-type-saved", by=by, reason=reason, data={"type": type.slug})
    return type


@transaction.atomic
def add_type_model(
    *, type: AssociationType, model: ProductModel, side: str, by: User | None, reason: str
) -> TypeModel:
    """Let a model take a side in a type; saying it again changes nothing."""
    entry, created = TypeModel.objects.get_or_create(type=type, model=model, side=side)
    if created:
        audit.record(
            "type-model-added",
            by=by,
            reason=reason,
            data={"type": type.slug, "model": model.name, "side": side},
        )
    return entry


@transaction.atomic
def remove_type_model(*, entry: TypeModel, by: User, reason: str) -> None:
    """Let a model take a side no longer. Raises TypeInUse while a live association of the model needs it."""
    type = AssociationType.objects.select_for_update().get(pk=entry.type_id)
    if type.seats.live().filter(side=entry.side, registration__unit__model=entry.model_id).exists():
        raise TypeInUse(what=str(entry))
    audit.record("type-model-removed", by=by, reason=reason, data={"type": type.slug, "entry": str(entry)})
    entry.delete()
