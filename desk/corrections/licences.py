import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone

from desk.access import DeskRequest, desk_page
from desk.corrections.base import correct, find_unit, sent, unregistered
from desk.corrections.forms import (
    ChoiceForm,
    CorrectionForm,
    ExtendForm,
    MoveForm,
    NewCodeForm,
)
from licensing.entitlements.on_a_day import value_in_words
from licensing.grants.extending import extend_licence
from licensing.grants.revoking import revoke_licence
from licensing.guards import check_no_parts
from licensing.keysets.issuing import reissue_keyset
from licensing.ledger.writing import licence_value
from licensing.models import Licence
from licensing.moves import release as releasing
from portal.clock import today
from portal.errors import RuleViolation
from portal.models import Account
from products.attempts import closed, forgive_tries
from products.errors import NotRetired
from products.models import Attempt, Registration, Unit

MOST_ACCOUNTS = 20
NO_LICENCE = "It has no license of its own."


@desk_page("portal.lead")
def extend(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Extend a license", "button": "Extend"}
    if registration is None:
        return unregistered(request, unit, **shown)
    licences = _licences(registration)
    form = ExtendForm(sent(request), choices=_in_words(licences), label="License")

    def act(given: dict[str, Any]) -> str:
        licence = extend_licence(
            registration=registration,
            service=licences[given["choice"]].service,
            expires_on=given["expires_on"],
            reason=given["reason"],
            by=request.user,
            today=today(),
        )
        return f"{licence.service}: {value_in_words(licence_value(licence))}."

    shown["nothing"] = "" if licences else NO_LICENCE
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def revoke(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Revoke a license", "button": "Revoke"}
    if registration is None:
        return unregistered(request, unit, **shown)
    licences = _licences(registration)
    form = ChoiceForm(sent(request), choices=_in_words(licences), label="License")

    def act(given: dict[str, Any]) -> str:
        service = licences[given["choice"]].service
        revoke_licence(
            registration=registration,
            service=service,
            reason=given["reason"],
            by=request.user,
            today=today(),
        )
        return f"{service} was revoked."

    shown["nothing"] = "" if licences else NO_LICENCE
    shown["intro"] = "Who shares this unit's licenses loses it too. What every unit of the model has stays."
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def reissue(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Reissue the keyset", "button": "Reissue"}
    if registration is None:
        return unregistered(request, unit, **shown)

    def act(given: dict[str, Any]) -> str:
        reissue_keyset(registration=registration, reason=given["reason"], by=request.user)
        return "Whoever reads the keyset next gets a new generation."

    shown["intro"] = (
        f"The latest generation is {unit.last_generation}. The next reader gets a higher one, whatever it "
        "says; appliances take no older one then."
    )
    form = CorrectionForm(sent(request))
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def move(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Move to another account", "button": "Move"}
    if registration is None:
        return unregistered(request, unit, **shown)

    def act(given: dict[str, Any]) -> str:
        releasing.release_to_account(
            registration=registration,
            **given,
            by=request.user,
            today=today(),
            now=timezone.now(),
            seen=request.POST.get("seen", ""),
        )
        return f"Moved: {serial} is registered in {given['account']} now."

    shown |= {"plan": releasing.plan_release(registration), "obstacle": _obstacle(registration)}
    shown |= {"becomes": "goes with it", "returns": "come back first, and go with it"}
    shown["intro"] = "Its own licenses go with it; what it has of other units' licenses returns to those."
    form = MoveForm(sent(request))
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def release(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Release to stock", "button": "Release to stock"}
    if registration is None:
        return unregistered(request, unit, **shown)

    def act(given: dict[str, Any]) -> str:
        releasing.release_to_stock(
            registration=registration,
            **given,
            by=request.user,
            today=today(),
            now=timezone.now(),
            seen=request.POST.get("seen", ""),
        )
        return f"Released: {serial} is in stock, under its new authentication code."

    plan = releasing.plan_release(registration)
    shown |= {"plan": plan, "obstacle": _obstacle(registration, plan.licences)}
    shown |= {"becomes": "nobody has it any more", "returns": "stand in the way"}
    shown["intro"] = (
        "Its own licenses stay with the registration that ends: nobody has them any more. What it has of "
        "other units' licenses returns to those."
    )
    form = NewCodeForm(sent(request))
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def take_back(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)

    def act(given: dict[str, Any]) -> str:
        releasing.take_back(unit=unit, **given, by=request.user)
        return f"Taken back: {serial} can be registered under its new authentication code."

    return correct(
        request,
        NewCodeForm(sent(request)),
        act,
        unit=unit,
        registration=registration,
        obstacle=None if unit.retired_at else NotRetired(serial=serial),
        title="Take back into stock",
        button="Take back",
        intro="A retired unit that is in order again can be registered by whoever has its new code.",
    )


@desk_page("portal.support")
def open_again(request: DeskRequest, serial: str) -> HttpResponse:
    unit = Unit.objects.filter(serial=serial).select_related("model").first()  # a typo's tries count too
    accounts = _tried(serial, timezone.now())
    choices = [
        (f"{scope}:{uuid}", f"{account}: {words}")
        for uuid, (account, told) in accounts.items()
        for scope, words in (("unit", f"this unit ({told})"), ("account", "all that it has tried"))
    ]

    def act(given: dict[str, Any]) -> str:
        scope, _, uuid = given["choice"].partition(":")
        account, _ = accounts[uuid]
        tries = forgive_tries(
            account=account,
            by=request.user,
            reason=given["reason"],
            now=timezone.now(),
            serial=serial if scope == "unit" else None,
        )
        return f"{tries} wrong tries of {account} count no more."

    return correct(
        request,
        ChoiceForm(sent(request), choices=choices, label="Open again"),
        act,
        unit=unit,
        serial=serial,
        title="Open what wrong tries have closed",
        button="Open",
        nothing="" if choices else "No account has tried wrongly here in the last 24 hours.",
    )


def _licences(registration: Registration) -> dict[str, Licence]:
    licences = Licence.objects.filter(registration=registration).select_related("service")
    return {str(licence.service.code): licence for licence in licences.order_by("service__code")}


def _in_words(licences: dict[str, Licence]) -> list[tuple[str, str]]:
    return [
        (code, f"{licence.service}: {value_in_words(licence_value(licence))}")
        for code, licence in licences.items()
    ]


def _obstacle(registration: Registration, kept: list[Licence] | None = None) -> RuleViolation | None:
    """The rule that keeps a unit in its account now; parts given out of `kept` licences do too."""
    try:
        releasing.check_release(registration)
        check_no_parts(kept or [])
    except RuleViolation as refusal:
        return refusal
    return None


def _tried(serial: str, now: datetime.datetime) -> dict[str, tuple[Account, str]]:
    """The accounts that tried wrongly at a serial number in a day, by UUID, each with what came of it."""
    since = now - datetime.timedelta(days=1)
    tries = Attempt.objects.filter(subject=serial, at__gte=since, forgiven_at=None)
    counts = dict(tries.values_list("account").annotate(Count("pk"))[:MOST_ACCOUNTS])
    found = {}
    for account in Account.objects.filter(pk__in=counts).order_by("name", "pk"):
        ends = [closed(account, serial, kind=kind, now=now) for kind in Attempt.Kind]
        until = max((end.until for end in ends if end), default=None)
        told = f"closed until {until:%d %b, %H:%M} UTC" if until else "not closed"
        found[str(account.uuid)] = account, f"{counts[account.pk]} wrong tries, {told}"
    return found
