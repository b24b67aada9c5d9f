"""Changes to association types and to the models that fit them. Live associations depend on both."""

from django.db import transaction

from associations.audit_codes import AuditCode
from associations.errors import TypeInUse
from associations.models import AssociationType, TypeModel
from portal import audit
from portal.models import User
from products.models import ProductModel


@transaction.atomic
def save_association_type(*, type: AssociationType, by: User | None, reason: str) -> AssociationType:
    """Create or change an association type. Raises TypeInUse for what live associations depend on."""
    present = AssociationType.objects.select_for_update().filter(pk=type.pk).first()
    for field in ("is_same_model", "shares_licences"):
        if present and getattr(present, field) != getattr(type, field) and present.seats.live().exists():
            # These are plain fields, which have verbose names.
            raise TypeInUse(what=AssociationType._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
    type.save()
    audit.record(AuditCode.ASSOCIATION_TYPE_SAVED, by=by, reason=reason, data={"type": type.slug})
    return type


@transaction.atomic
def add_type_model(
    *, type: AssociationType, model: ProductModel, side: str, by: User | None, reason: str
) -> TypeModel:
    """Let a model take a side in a type; doing it again changes nothing."""
    entry, created = TypeModel.objects.get_or_create(type=type, model=model, side=side)
    if created:
        audit.record(
            AuditCode.TYPE_MODEL_ADDED,
            by=by,
            reason=reason,
            data={"type": type.slug, "model": model.name, "side": side},
        )
    return entry


@transaction.atomic
def remove_type_model(*, entry: TypeModel, by: User, reason: str) -> None:
    """Stop letting a model take a side. Raises TypeInUse while a live association of the model needs it."""
    type = AssociationType.objects.select_for_update().get(pk=entry.type_id)
    if type.seats.live().filter(side=entry.side, registration__unit__model=entry.model_id).exists():
        raise TypeInUse(what=str(entry))
    audit.record(
        AuditCode.TYPE_MODEL_REMOVED, by=by, reason=reason, data={"type": type.slug, "entry": str(entry)}
    )
    entry.delete()
