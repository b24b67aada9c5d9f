import datetime
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db import transaction

from desk.corrections.base import Choice, Correction
from desk.corrections.forms import ExtendForm, GrantForm, Option, OtherUnitForm
from licensing.entitlements.today import Effect
from licensing.grants.extending import extend_licence
from licensing.grants.giving import grant_licence, preview_grant
from licensing.grants.revoking import revoke_licence
from licensing.models import Licence, Service
from licensing.moves.one_licence import move_licence
from licensing.rma.snapshot import UnitShown, snapshot
from licensing.selectors import origins_of
from licensing.telling import concerned_units
from licensing.wording import (
    amount_in_words,
    days_in_words,
    end_in_words,
    entitlement_in_words,
    licence_in_words,
)
from portal.clock import today
from products.models import Registration


class Grant(Correction):
    name = "grant"
    title = "Grant a license"
    did = "granted a license"
    button = "Grant"
    intro = (
        "A further license for this unit, from today on; nothing is replaced. First you see what it changes: "
        "nothing is written before you confirm."
    )
    form = GrantForm

    def effects(self, given: dict[str, Any]) -> list[str]:
        day, facts = today(), {name: given[name] for name in ("service", "count", "expires_on")}
        preview = preview_grant(registration=self.registration, **facts, today=day)
        amount = amount_in_words(Licence.Kind.LICENSED, given["count"])
        lines = [f"A license for {given['service']}, {amount} {end_in_words(given['expires_on'])}."]
        lines += [_effect_in_words(given["service"], effect, day) for effect in preview.effects]
        if preview.comes_with:
            model, comes = self.unit.model, preview.comes_with
            what = amount_in_words(Licence.Kind.LICENSED, comes.count)
            lines.append(f"It falls short of what every {model} comes with: {what}.")
        if preview.never_runs:
            lines.append(
                "It would never run: without it, the unit runs at least as much on each of these days. "
                "Confirm only if that is to go."
            )
        if primary := preview.primary:
            lines.append(
                f"{primary.unit} doesn't get it: this unit is its HF Secondary, and licenses for both belong "
                "to the primary."
            )
        return lines

    def perform(self, given: dict[str, Any]) -> str:
        licence = grant_licence(unit=self.unit, **given, by=self.by, today=today(), all_the_same=True)
        return f"Granted: {_in_words(licence)}."


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

    def effects(self, given: dict[str, Any]) -> list[str]:
        """What every unit concerned runs of a service before and after: it is done, and rolled back."""
        day, others = today(), [value for value in given.values() if isinstance(value, Registration)]
        units = concerned_units([self.registration, *others])
        with transaction.atomic():
            before = snapshot(units, day)
            self.perform(given)
            after = snapshot(units, day)
            transaction.set_rollback(True)
        return list(_differences(before, after)) or ["No unit runs anything else than before."]


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

    def perform(self, given: dict[str, Any]) -> str:
        licence, to = given["choice"], given["serial_number"]
        move_licence(licence=licence, to=to, reason=given["reason"], by=self.by, today=today())
        return f"Moved to {to.unit}: {_in_words(licence)}."


def _differences(before: list[UnitShown], after: list[UnitShown]) -> Iterator[str]:
    """Each service that a unit runs differently, on a day and on all later ones."""
    for old, new in zip(before, after, strict=True):
        was, now = ({service.code: service for service in unit.services} for unit in (old, new))
        for code in sorted(was.keys() | now.keys()):
            lines = [held[code].what if code in held else "not licensed" for held in (was, now)]
            if lines[0] != lines[1]:
                name = (now.get(code) or was[code]).name
                yield f"{name} on {new.label}. Before: {lines[0]}. After: {lines[1]}."


def _effect_in_words(service: Service, effect: Effect, day: datetime.date) -> str:
    """What a unit runs of a service before and after, on a day and on all later ones."""
    before, after = (entitlement_in_words(held, day) for held in (effect.before, effect.after))
    return f"{service} on {effect.registration.unit}. Before: {before}. After: {after}."


def _in_words(licence: Licence) -> str:
    """A licence as one of several: Client AV: licensed for 5 from 18 Nov 2026 until 17 Nov 2027."""
    return f"{licence.service}: {amount_in_words(licence.kind, licence.count)} {days_in_words(licence)}"
