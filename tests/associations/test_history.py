"""A unit's history of associations, and the audit trail of what the pages changed."""

import pytest
from django.test import Client

from associations.models import Seat
from associations.selectors import history
from portal.models import AuditEntry, Membership
from tests.associations.support import Pair, act, change, promote, register, remove, seated, typed, unit, url
from tests.factories import sharing
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_history_tells_with_whom_in_which_role_and_until_when(member: Membership, mine: Pair) -> None:
    primary, secondary, seat = mine
    other = unit(member)
    changed = change(seat, other, member)
    remove(changed, member)

    told = [(c.role, c.other, c.seat.ended_by) for c in history(secondary)]

    assert told == [("HF Secondary", other, member.user), ("HF Secondary", primary, member.user)]
    assert [(c.role, c.other) for c in history(primary)] == [("HF Primary", secondary)]
    assert [(c.role, c.other) for c in history(other)] == [("HF Primary", secondary)]


def test_history_tells_of_a_spare_that_became_standby(member: Membership, mine: Pair) -> None:
    primary, secondary, _ = mine
    spare = unit(member)
    promote(seated(primary, spare, member), member)

    told = [(c.seat.is_spare, c.seat.ended_at is None) for c in history(spare)]

    assert told == [(False, True), (True, False)]
    assert len(history(primary)) == 4
    assert {c.other for c in history(secondary)} == {primary}


def test_history_says_which_of_the_two_was_the_spare(member: Membership, mine: Pair) -> None:
    primary, spare = mine[0], unit(member)
    seated(primary, spare, member)

    (from_spare,), (from_primary, _) = history(spare), history(primary)

    assert (from_spare.role, from_spare.was_with_spare) == ("HF Secondary (spare)", False)
    assert (from_primary.role, from_primary.was_with_spare) == ("HF Primary", True)


def test_history_of_a_unit_alone_is_empty(client: Client, member: Membership) -> None:
    alone = unit(member)

    assert history(alone) == []
    assert not list(Page(client.get(url(alone))).root.all(id="history"))


def test_the_units_page_shows_its_history(client: Client, member: Membership, mine: Pair) -> None:
    primary, secondary, seat = mine
    remove(seat, member)

    ((role, other, began, ended),) = Page(client.get(url(secondary))).section("history").one("table").rows()

    seat.refresh_from_db()
    assert role == "HF Secondary"
    assert other == f"{primary.friendly_name} {primary.unit.serial}"
    assert began == f"{seat.began_at:%d %b %Y, %H:%M}, {member.user}"
    assert ended == f"{seat.ended_at:%d %b %Y, %H:%M}, {member.user}"


def test_every_change_through_the_pages_is_in_the_audit_trail(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare = unit(member)
    register(client, mine[0], typed(spare.unit.serial))
    seat = Seat.objects.get(registration=spare)
    client.post(act(mine[0], seat, "standby"), {"instead": sharing(seat)})
    client.post(act(mine[0], Seat.objects.live().get(registration=spare), "remove"))

    codes = AuditEntry.objects.filter(serial=spare.unit.serial, actor=member.user).order_by("pk")
    assert list(codes.values_list("code", flat=True)) == ["associated", "made-standby", "association-removed"]
