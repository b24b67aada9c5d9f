from functools import cached_property
from typing import Any

from desk.corrections.base import Choice
from desk.corrections.forms import ExtendForm, Option
from licensing.grants.extending import extend_licence
from licensing.grants.revoking import revoke_licence
from licensing.models import Licence
from licensing.wording import licence_in_words
from portal.clock import today


class LicenceChoice(Choice):
    """A correction of one of the unit's own licences."""

    asked = "License"
    none = "It has no license of its own."

    @cached_property
    def options(self) -> list[Option]:
        licences = Licence.objects.filter(registration=self.registration).select_related("service")
        return [
            Option(str(licence.service.code), licence.service, _in_words(licence))
            for licence in licences.order_by("service__code")
        ]


class Extend(LicenceChoice):
    name = "extend"
    title = "Extend a license"
    button = "Extend"
    form = ExtendForm

    def perform(self, given: dict[str, Any]) -> str:
        licence = extend_licence(
            registration=self.registration,
            service=given["choice"],
            expires_on=given["expires_on"],
            reason=given["reason"],
            by=self.by,
            today=today(),
        )
        return f"{_in_words(licence)}."


class Revoke(LicenceChoice):
    name = "revoke"
    title = "Revoke a license"
    button = "Revoke"
    intro = "Who shares this unit's licenses loses it too. What every unit of the model has stays."

    def perform(self, given: dict[str, Any]) -> str:
        service, reason = given["choice"], given["reason"]
        revoke_licence(
            registration=self.registration, service=service, reason=reason, by=self.by, today=today()
        )
        return f"{service} was revoked."


def _in_words(licence: Licence) -> str:
    return f"{licence.service}: {licence_in_words(licence, today())}"
