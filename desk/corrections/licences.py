from functools import cached_property
from typing import Any

from desk.corrections.base import Choice
from desk.corrections.forms import ExtendForm, Option, OtherUnitForm
from licensing.grants.extending import extend_licence
from licensing.grants.revoking import revoke_licence
from licensing.models import Licence
from licensing.moves.one_licence import move_licence, preview_move
from licensing.selectors import origins_of
from licensing.wording import amount_in_words, days_in_words, entitlement_in_words, licence_in_words
from portal.clock import today


class LicenceChoice(Choice):
    """A correction of one of the unit's own licences."""

    asked = "License"
    none = "It has no license of its own."

    @cached_property
    def options(self) -> list[Option]:
        found = Licence.objects.filter(registration=self.registration).order_by(
            "service__code", "begins_on", "pk"
        )
        licences = list(found.select_related("service", "registration__account", "registration__unit"))
        origins = origins_of(licences)
        return [
            Option(str(row.uuid), row, ", ".join(filter(None, [_in_words(row), origins.get(row.uuid)])))
            for row in licences
        ]


class Extend(LicenceChoice):
    name = "extend"
    title = "Extend a license"
    did = "extended a license"
    button = "Extend"
    form = ExtendForm

    def perform(self, given: dict[str, Any]) -> str:
        licence = extend_licence(
            licence=given["choice"],
            expires_on=given["expires_on"],
            reason=given["reason"],
            by=self.by,
            today=today(),
        )
        return f"{licence.service}: {licence_in_words(licence, today())}."


class Revoke(LicenceChoice):
    name = "revoke"
    title = "Revoke a license"
    did = "revoked a license"
    button = "Revoke"
    intro = "Who shares this unit's licenses loses it too. What every unit of the model has stays."

    def perform(self, given: dict[str, Any]) -> str:
        licence = given["choice"]
        revoke_licence(licence=licence, reason=given["reason"], by=self.by, today=today())
        return f"Revoked: {_in_words(licence)}."


class MoveLicence(LicenceChoice):
    name = "move_license"
    title = "Move a license to another unit"
    did = "moved a license"
    link = "Move a license"
    button = "Move"
    intro = (
        "To another unit of the same account, as the license that it is. Units with parts of it keep them; "
        "the other unit's own part goes back into it. First you see what both units run before and after."
    )
    form = OtherUnitForm

    def effects(self, given: dict[str, Any]) -> list[str]:
        licence, day = given["choice"], today()
        return [
            f"{licence.service} on {effect.registration.unit}. Before: "
            f"{entitlement_in_words(effect.before, day)}. After: {entitlement_in_words(effect.after, day)}."
            for effect in preview_move(licence, given["serial_number"], today=day)
        ]

    def perform(self, given: dict[str, Any]) -> str:
        licence, to = given["choice"], given["serial_number"]
        move_licence(licence=licence, to=to, reason=given["reason"], by=self.by, today=today())
        return f"Moved to {to.unit}: {_in_words(licence)}."


def _in_words(licence: Licence) -> str:
    """A licence as one of several: Client AV: licensed for 5 from 18 Nov 2026 until 17 Nov 2027."""
    return f"{licence.service}: {amount_in_words(licence.kind, licence.count)} {days_in_words(licence)}"
