from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from associations import catalogue
from associations.models import AssociationType, Seat, TypeModel
from portal.admin_base import ReadOnlyAdmin, ServiceAdmin, agent, unit_link
from portal.models import User
from products.admin import BySerial


@admin.register(AssociationType)
class AssociationTypeAdmin(ServiceAdmin):
    list_display = ["slug", "parent_label", "child_label", "is_same_model", "shares_licences", "position"]
    is_small = True
    nothing_yet = "manage.py load_catalogue brings the types that are shipped."

    def save_model(self, request: HttpRequest, obj: AssociationType, form: Any, change: bool) -> None:
        catalogue.save_association_type(type=obj, by=agent(request), reason=form.cleaned_data["reason"])


@admin.register(TypeModel)
class TypeModelAdmin(ServiceAdmin):
    list_display = ["type", "side", "model"]
    list_select_related = ["type", "model"]
    list_filter = ["type", "side"]
    is_small = True
    nothing_yet = "Add the models that fit each side of a type."
    is_removable = True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: TypeModel, form: Any, change: bool) -> None:
        reason = form.cleaned_data["reason"]
        entry = catalogue.add_type_model(
            type=obj.type, model=obj.model, side=obj.side, by=agent(request), reason=reason
        )
        obj.pk = entry.pk

    def remove(self, obj: TypeModel, *, by: User, reason: str) -> None:
        catalogue.remove_type_model(entry=obj, by=by, reason=reason)


@admin.register(Seat)
class SeatAdmin(BySerial, ReadOnlyAdmin):
    list_display = [
        "registration",
        "serial_number",
        "type",
        "side",
        "shares",
        "began_at",
        "began_by",
        "ended_at",
    ]
    list_select_related = ["registration__unit", "type", "began_by"]
    list_filter = ["type", "side"]
    search_fields = ["registration__unit__serial__exact"]
    ordering = ["-pk"]
    moment = "began_at"
    nothing_yet = "Customers associate their units under Create Association."

    @admin.display
    def serial_number(self, seat: Seat) -> str:
        return unit_link(seat.registration.unit.serial)
