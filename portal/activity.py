"""What happened in an account, by pages and in words: the audit trail as its members read it."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.models import Account, AuditEntry

PAGE_ACTIONS = 50
MOST_ENTRIES = 200
"""So many entries are read for a page: a page of large actions shows fewer of them."""

# Of each code what happened, with what its entries' data say: the first sentence of which all is known.
WORDS: dict[str, tuple[str, ...]] = {
    # portal
    "account-opened": ("Account opened",),
    "account-saved": ("Account saved as “{name}”",),
    "key-made": ("Key of the portal made",),
    "mail-resent": ("Mail sent again: {subject}", "Mail about {case} sent again"),
    "member-removed": ("{user} is no member any more",),
    "member-saved": ("{user} is a member: {role}",),
    "password-link-sent": ("Support sent {user} a link to set a password",),
    "password-set": ("Password of {user} set",),
    "user-saved": ("Login of {user} saved",),
    # products
    "product-model-saved": ("Model {model} saved",),
    "registered": ("Registered",),
    "renamed": ("Renamed from “{before}” to “{after}”",),
    "survey-answered": ("Product Survey answered",),
    "tries-forgiven": ("Wrong tries forgiven: {tries}",),
    "unit-released": ("Released to {name}", "Released to stock"),
    "unit-taken-back": ("Taken back by Support",),
    "units-imported": ("Factory's record read: {created} new units",),
    # associations
    "associated": (
        "{spare} became a spare {child_label} of {parent}",
        "{child} became {child_label} of {parent}",
        "Associated",
    ),
    "association-removed": ("{child} is no longer {child_label} of {parent}", "Association removed"),
    "association-type-saved": ("Association type saved",),
    "made-standby": (
        "{child} became the standby of {parent}, in place of {former}",
        "{child} became the standby of {parent}",
        "Made standby",
    ),
    "parent-changed": (
        "{child} became {child_label} of {parent}; before, of {former}",
        "Parent changed",
    ),
    "roles-swapped": (
        "Roles swapped: {parent} is {parent_label} now, {child} {child_label}",
        "Roles swapped",
    ),
    "type-model-added": ("{model} can be associated in a further way",),
    "type-model-removed": ("A model can no longer be associated in one way",),
    # licensing
    "activation-key-revoked": ("Activation key ending {last_four} revoked",),
    "activation-keys-made": ("{number} activation keys made",),
    "counts-moved": ("{count} of {pool}'s {service} moved from {from} to {to}", "Licenses shared out"),
    "generations-raised": ("All keysets numbered anew",),
    "key-redeemed": ("Activation key ending {last_four} redeemed: {service}", "Activation key redeemed"),
    "keyset-applied": ("Keyset {generation} noted as applied",),
    "keyset-reissued": ("Keyset issued anew",),
    "licence-extended": ("{service} extended: {licence}", "License extended"),
    "licence-granted": ("{service} granted: {licence}", "License granted"),
    "licence-revoked": ("{service} taken back", "License taken back"),
    "model-service-set": ("What every {model} comes with was changed",),
    "rma-approved": ("{case} approved: {replacement} is to replace {failed}", "{case} approved"),
    "rma-cancelled": ("{case} cancelled",),
    "rma-completed": (
        "{case} completed: {failed} replaced by {replacement}, licenses to {licences}",
        "{case} completed: the licenses of {failed} went to {licences}",
    ),
    "rma-declined": ("{case} declined",),
    "rma-opened": ("{case} opened by Support for {failed}",),
    "rma-received": ("{case}: the failed unit came back",),
    "rma-replacement-set": ("{case}: {replacement} is to replace {failed}", "{case} changed"),
    "rma-requested": ("{case} asked for: {failed} has failed",),
    "rma-undone": ("{case} undone: {failed} is back in its place",),
    "rma-waived": ("Support changed what {case} lets pass",),
    "service-saved": ("Service {name} saved",),
    "trial-started": ("Free trial of {service} started", "Free trial started"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that somebody did: its newest entry, and the units that it concerns, in their order."""

    entry: AuditEntry
    serials: Sequence[str]


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Some actions, the newest first. `is_first`: there is nothing newer."""

    actions: Sequence[Action]
    is_first: bool
    has_older: bool


def activity_page(account: Account, *, serial: str, before: uuid.UUID | None) -> ActivityPage:
    """What happened in an account (to one unit, where `serial` names it), before an action or up to now.

    An action stands where its newest entry stands. Costs the same wherever the page begins.
    """
    listed = AuditEntry.objects.filter(account=account)
    if serial:
        listed = listed.filter(serial=serial)
    at = listed.filter(action=before).order_by("-at", "-pk").first() if before else None
    older = _older_than(listed, at) if at else listed
    rows = list(older.select_related("actor").order_by("-at", "-pk")[: MOST_ENTRIES + 1])
    heads: dict[uuid.UUID, AuditEntry] = {}
    for row in rows[:MOST_ENTRIES]:
        heads.setdefault(row.action, row)
    whole = defaultdict(list)
    entries = AuditEntry.objects.filter(account=account, action__in=list(heads))
    for entry in entries.only("action", "at", "serial").order_by("pk"):
        whole[entry.action].append(entry)
    shown = [
        head
        for head in heads.values()
        # what was written at the same time as others may have its newest entry on the page before
        if not any(_key(e) > _key(head) for e in whole[head.action] if serial in {"", e.serial})
    ]
    actions = [Action(head, _serials(whole[head.action])) for head in shown[:PAGE_ACTIONS]]
    has_older = len(shown) > PAGE_ACTIONS or len(rows) > MOST_ENTRIES
    return ActivityPage(actions, is_first=at is None, has_older=has_older and bool(actions))


def in_words(code: str, facts: Mapping[str, object]) -> str:
    """Say what happened; a code that has no words, or too few facts, says it itself."""
    for sentence in WORDS.get(code, ()):
        try:
            return sentence.format_map(facts)
        except KeyError:
            continue
    return code.replace("-", " ").capitalize()


def _older_than(entries: QuerySet[AuditEntry], at: AuditEntry) -> QuerySet[AuditEntry]:
    """The entries behind one, without the rest of its own action."""
    behind = entries.filter(at__lte=at.at).filter(Q(at__lt=at.at) | Q(pk__lt=at.pk))
    return behind.exclude(action=at.action)


def _key(entry: AuditEntry) -> tuple[object, int]:
    return entry.at, entry.pk


def _serials(entries: Sequence[AuditEntry]) -> list[str]:
    return list(dict.fromkeys(entry.serial for entry in entries if entry.serial))
