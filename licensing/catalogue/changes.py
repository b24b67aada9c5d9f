"""Changes to services and to what models come with. Each raises the catalogue's version, and so keysets."""

from django.db import transaction
from django.db.models import F

from licensing.audit_codes import AuditCode
from licensing.errors import CatalogueFull, PermanentServiceCode
from licensing.guards import check_count
from licensing.models import FLAGS, CatalogueState, LedgerEntry, ModelService, Service
from portal import audit
from portal.models import User
from products.models import ProductModel

MOST_SERVICES = 65
"""64, so that each has a row in a keyset and three for what follows, and Nodes/Users, which has none."""


@transaction.atomic
def save_service(*, service: Service, by: User | None, reason: str) -> Service:
    """Create or change a service. Raises PermanentServiceCode and CatalogueFull."""
    raise_catalogue_version()
    present = Service.objects.filter(pk=service.pk).first()
    if present is None and (count := Service.objects.count()) >= MOST_SERVICES:
        raise CatalogueFull(count=count)
    if present and present.code != service.code:
        raise PermanentServiceCode
    before, after = _flags(present), _flags(service)
    service.save()
    if before != after:
        _note(by, reason, service=service, before=before, after=after, right=LedgerEntry.Right.CATALOGUE)
    audit.record(
        AuditCode.SERVICE_SAVED, by=by, reason=reason, data={"service": service.code, "name": service.name}
    )
    return service


@transaction.atomic
def set_model_service(
    *, model: ProductModel, service: Service, count: int | None, by: User | None, reason: str
) -> ModelService:
    """Let every unit of a model come with a service. Raises CountNeeded, CountNotAllowed, CountOutOfRange."""
    check_count(service, count)
    raise_catalogue_version()
    present = ModelService.objects.filter(model=model, service=service).first()
    entry = ModelService(pk=present.pk if present else None, model=model, service=service, count=count)
    entry.save()
    before: dict[str, object] | None = {"count": present.count} if present else None
    _note(by, reason, model=model, service=service, before=before, after={"count": count})
    return entry


@transaction.atomic
def remove_model_service(*, entry: ModelService, by: User, reason: str) -> None:
    """Stop letting units of a model come with a service; doing it again changes nothing."""
    raise_catalogue_version()
    present = ModelService.objects.select_related("model", "service").filter(pk=entry.pk).first()
    if present is None:
        return
    before: dict[str, object] = {"count": present.count}
    _note(by, reason, model=present.model, service=present.service, before=before, after=None)
    present.delete()


def raise_catalogue_version() -> None:
    """Note that many entitlements may change in this transaction; the row's lock also queues such changes."""
    CatalogueState.objects.get_or_create(pk=1)
    CatalogueState.objects.filter(pk=1).update(version=F("version") + 1)


def _flags(service: Service | None) -> dict[str, object] | None:
    return {flag: getattr(service, flag) for flag in FLAGS} if service else None


def _note(
    by: User | None,
    reason: str,
    *,
    service: Service,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    model: ProductModel | None = None,
    right: LedgerEntry.Right = LedgerEntry.Right.MODEL,
) -> None:
    if before == after:
        return
    LedgerEntry.objects.create(
        actor=by, reason=reason, model=model, service=service, before=before, after=after, right=right
    )
    if model:
        audit.record(
            AuditCode.MODEL_SERVICE_SET,
            by=by,
            reason=reason,
            data={"model": model.name, "service": service.code, "before": before, "after": after},
        )
