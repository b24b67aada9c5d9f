"""The desk's pages of a case: opened, decided, rehearsed, completed, undone, and who may which of that."""

import datetime
import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.models import Seat
from licensing.keysets.issuing import read_keyset
from licensing.models import Licence, RmaCase, Service
from portal.clock import today
from portal.models import AuditEntry, Mail, Membership, User
from portal.roles import AGENT, LEAD, OPERATOR
from products.models import Registration, Unit
from tests.factories import (
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    add_spares,
    pair,
    pairs,
    registrations,
    staff,
)
from tests.licensing.history import grant
from tests.licensing.rma.support import ask, complete, open_for
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

DAY = datetime.timedelta(days=1)
YEAR = 365 * DAY
TYPED = {
    "kind": "replacement",
    "replacement": "",
    "symptom": "no link light",
    "contact": "Homer",
    "address": "742 Evergreen Terrace",
}
NOBODY = uuid.UUID(int=7)

type LogIn = Callable[[str], User]


@pytest.fixture
def log_in(client: Client) -> LogIn:
    """Log the client in as somebody new who has a role at the desk, or "" for none."""

    def as_role(role: str) -> User:
        user = staff(role)
        client.force_login(user)
        return user

    return as_role


@pytest.fixture
def agent(log_in: LogIn) -> User:
    return log_in(AGENT)


@pytest.fixture
def desk(client: Client, agent: User) -> Client:
    """The client, logged in as an agent."""
    return client


@pytest.fixture
def member() -> Membership:
    return MembershipFactory(user__email="homer@example.org")


@pytest.fixture
def primary(member: Membership) -> Registration:
    """The primary of a pair, with a licence that its secondary shares."""
    primary, _, _ = pair(member.account, member.user)
    grant(primary, 3, expires_on=today() + YEAR)
    return primary


def opening(unit: Unit) -> str:
    return f"/support/units/{unit.serial}/rma/"


def address(case: RmaCase, action: str = "") -> str:
    return f"/support/rma/{case.uuid}/{action}"


def requested(registration: Registration) -> RmaCase:
    return ask(registration, by=registration.account.memberships.get().user)


def ended_warranty(registration: Registration) -> None:
    Unit.objects.filter(pk=registration.unit_id).update(warranty_ends_on=today() - DAY)


def fresh(case: RmaCase) -> RmaCase:
    return RmaCase.objects.get(pk=case.pk)


def shown(client: Client, case: RmaCase, **query: str) -> Page:
    response = client.get(address(case), query)
    assert response.status_code == 200
    return Page(response)


def rehearsed(client: Client, case: RmaCase, **query: str) -> Page:
    """The case's page with its dry run."""
    response = client.get(address(case, "dry-run/"), query)
    assert response.status_code == 200
    return Page(response)


def plan(page: Page) -> dict[str, str]:
    """What the button Complete sends: what was shown, and with whom the pair is made."""
    (button,) = [
        form for form in page.root.all("form") if form.attrs.get("action", "").endswith("/complete/")
    ]
    fields = {e.attrs["name"]: e.attrs["value"] for e in button.all("input", type="hidden")}
    return {name: fields[name] for name in ("seen", "partner")}


def actions(page: Page) -> set[str]:
    """What can be done about the case, by the last part of the address; without the work around it."""
    sent = [e.attrs.get("action", "") for e in page.root.all("form", method="post")]
    sent += [e.attrs.get("formaction", "") for e in page.root.all("button")]
    found = {action.rstrip("/").rsplit("/", 1)[1] for action in sent if "/support/rma/" in action}
    return found - {"assign", "note", "shipping"}  # see test_work.py


# Who may come here


@pytest.mark.parametrize(
    ("role", "expected"), [("", 403), (OPERATOR, 403), (AGENT, 200), (LEAD, 200)], ids=str
)
def test_cases_are_for_agents_and_leads(
    client: Client, log_in: LogIn, primary: Registration, role: str, expected: int
) -> None:
    case = open_for(primary, UnitFactory())
    log_in(role)

    gets = [client.get(page).status_code for page in ("/support/rma/", address(case), opening(primary.unit))]

    assert gets == [expected] * 3


@pytest.mark.parametrize("role", ["", OPERATOR])
def test_who_may_not_changes_nothing(client: Client, log_in: LogIn, primary: Registration, role: str) -> None:
    case = open_for(primary, UnitFactory())
    log_in(role)

    with nothing_written():
        posts = ["approve/", "complete/", "received/", "mail/", "decline/", "cancel/", "undo/"]
        answers = {client.post(address(case, action), {"reason": "because"}).status_code for action in posts}
        answers.add(client.post(opening(UnitFactory.build(serial=primary.unit.serial)), TYPED).status_code)

    assert answers == {403}


def test_a_member_of_an_account_is_led_to_the_desks_login(client: Client, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())
    client.force_login(primary.account.memberships.get().user)

    with nothing_written():
        answers = [client.get(address(case)), client.post(address(case, "decline/"), {"reason": "mine"})]

    assert {answer.status_code for answer in answers} == {302}
    assert {answer.url.partition("?")[0] for answer in answers} == {"/support/login/"}


def test_a_case_that_is_not_there(desk: Client) -> None:
    assert desk.get(f"/support/rma/{NOBODY}/").status_code == 404
    assert desk.post(f"/support/rma/{NOBODY}/undo/", {"reason": "x"}).status_code == 404
    assert desk.get("/support/units/FFFFFFFFFFFF/rma/").status_code == 404


# Opening


def test_an_agent_opens_a_case_that_is_approved_at_once(
    client: Client, agent: User, primary: Registration
) -> None:
    new = UnitFactory()
    typed = f" {new.serial[:6].lower()}-{new.serial[6:].lower()} "

    response = client.post(opening(primary.unit), {**TYPED, "replacement": typed})

    case = RmaCase.objects.get()
    assert response.url == address(case)
    assert (case.state, case.replacement, case.asked_by) == ("approved", new, agent)
    assert (case.contact, case.address) == ("Homer", "742 Evergreen Terrace")


def test_the_replacement_may_be_named_later(desk: Client, primary: Registration) -> None:
    desk.post(opening(primary.unit), TYPED)

    page = rehearsed(desk, RmaCase.objects.get())

    assert page.codes() == ["replacement-needed"]
    assert "complete" not in actions(page)


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"symptom": ""}, "symptom", "required"),
        ({"symptom": "a\0"}, "symptom", "null_characters_not_allowed"),
        ({"kind": "gift"}, "kind", "invalid_choice"),
        ({"kind": "\0"}, "kind", "invalid_choice"),
        ({"replacement": "6.0E+11"}, "replacement", "invalid-serial"),
        ({"replacement": "\0"}, "replacement", "null_characters_not_allowed"),
        ({"replacement": "FFFFFFFFFFFF"}, "replacement", "unknown-replacement"),
        ({"replacement": "itself"}, "replacement", "same-as-failed"),
        ({"contact": "c" * 201}, "contact", "max_length"),
        ({"address": "a" * 1001}, "address", "max_length"),
    ],
)
def test_what_is_refused_at_opening_stands_beside_its_field(
    desk: Client, primary: Registration, sent: dict[str, str], field: str, code: str
) -> None:
    typed = TYPED | sent
    if typed["replacement"] == "itself":
        typed["replacement"] = primary.unit.serial

    with nothing_written():
        response = desk.post(opening(primary.unit), typed)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(field)) == page.codes() == [code]
    assert page.field("contact").one("input").attrs["value"] == typed["contact"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: RegistrationFactory().unit, "replacement-elsewhere"),
        (lambda: UnitFactory(model_name="TZ 170"), "wrong-model"),
        (lambda: UnitFactory(retired_at=timezone.now()), "replacement-retired"),
    ],
    ids=["elsewhere", "model", "retired"],
)
def test_a_replacement_that_will_not_do_is_refused_beside_its_field(
    desk: Client, primary: Registration, make: Callable[[], Unit], code: str
) -> None:
    new = make()

    with nothing_written():
        page = Page(desk.post(opening(primary.unit), {**TYPED, "replacement": new.serial}))

    assert page.codes(page.field("replacement")) == page.codes() == [code]


@pytest.mark.parametrize("which", ["open", "retired", "never registered"])
def test_a_unit_that_has_nothing_to_replace_is_refused_above_the_form(
    desk: Client, primary: Registration, which: str
) -> None:
    unit = UnitFactory() if which == "never registered" else primary.unit
    if which != "never registered":
        case = open_for(primary, UnitFactory())
    if which == "retired":
        complete(case)

    with nothing_written():
        response = desk.post(opening(unit), TYPED)

    code = {"open": "case-open", "retired": "unit-retired", "never registered": "not-replaceable"}[which]
    (alert,) = Page(response).root.all("div", role="alert")
    assert response.status_code == 422
    assert Page(response).codes(alert) == [code]


def test_an_ended_warranty_stops_an_agent_whatever_it_sends(desk: Client, primary: Registration) -> None:
    ended_warranty(primary)

    with nothing_written():
        response = desk.post(opening(primary.unit), {**TYPED, "warranty_waiver": "I say so"})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.root.one("div", role="alert")) == page.codes() == ["out-of-warranty"]
    assert not [e for e in page.root.all("input") if "waive" in e.attrs.get("name", "")]


def test_a_lead_lets_it_pass_with_a_reason(client: Client, log_in: LogIn, primary: Registration) -> None:
    log_in(LEAD)
    ended_warranty(primary)

    refused = Page(client.post(opening(primary.unit), TYPED))
    client.post(opening(primary.unit), {**TYPED, "warranty_waiver": "goodwill"})

    case = RmaCase.objects.get()
    assert refused.codes(refused.field("warranty_waiver")) == ["out-of-warranty"]
    assert (case.state, case.warranty_waiver) == ("approved", "goodwill")
    assert AuditEntry.objects.get(code="rma-approved").data["warranty_waiver"] == "goodwill"


# Approving, and naming the replacement


def test_a_request_is_approved_with_its_replacement(
    client: Client, agent: User, primary: Registration
) -> None:
    case, new = requested(primary), UnitFactory()
    before = shown(client, case)

    response = client.post(address(case, "approve/"), {"replacement": new.serial})

    assert actions(before) == {"approve", "decline", "cancel", "mail"}
    assert (response.url, fresh(case).state, fresh(case).replacement) == (address(case), "approved", new)
    assert AuditEntry.objects.filter(code="rma-approved", actor=agent).exists()


def test_a_replacement_is_changed_while_the_case_is_open(desk: Client, primary: Registration) -> None:
    case, other = open_for(primary, UnitFactory()), UnitFactory()

    desk.post(address(case, "approve/"), {"replacement": other.serial})

    assert fresh(case).replacement == other


def test_a_waiver_that_an_agent_sends_changes_nothing_of_a_leads(desk: Client, primary: Registration) -> None:
    ended_warranty(primary)
    case = open_for(primary, None, warranty_waiver="goodwill")

    sent = {"replacement": UnitFactory().serial, "warranty_waiver": "mine"}
    desk.post(address(case, "approve/"), sent)
    refused = desk.post(address(case, "waive/"), {"warranty_waiver": "mine"})

    assert refused.status_code == 403
    assert "waive" not in actions(shown(desk, case))
    assert (fresh(case).warranty_waiver, fresh(case).replacement is None) == ("goodwill", False)


def test_a_lead_gives_waivers_and_takes_them_back(
    client: Client, log_in: LogIn, primary: Registration
) -> None:
    log_in(LEAD)
    case, model = open_for(primary, None), UnitFactory(model_name="PRO 4060").model
    given = {"warranty_waiver": "goodwill", "waived_model": str(model.pk), "model_waiver": "a successor"}

    client.post(address(case, "waive/"), given)
    before, page = fresh(case), shown(client, case)
    client.post(address(case, "waive/"), {"warranty_waiver": "", "waived_model": "", "model_waiver": ""})

    assert (before.warranty_waiver, before.waived_model) == ("goodwill", model)
    assert all(text in page.section("facts").text for text in ("goodwill", "PRO 4060", "a successor"))
    assert (fresh(case).warranty_waiver, fresh(case).waived_model, fresh(case).model_waiver) == ("", None, "")


def test_a_waiver_without_its_model_is_refused_beside_its_field(
    client: Client, log_in: LogIn, primary: Registration
) -> None:
    log_in(LEAD)
    case = open_for(primary, None)

    with nothing_written():
        response = client.post(address(case, "waive/"), {"model_waiver": "a successor"})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field("model_waiver")) == ["model-waiver-incomplete"]


def test_the_field_of_the_replacement_clears_it(desk: Client, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())

    desk.post(address(case, "approve/"), {"replacement": ""})

    assert fresh(case).replacement is None


def test_approving_what_will_not_do_says_so_beside_its_field_and_keeps_what_was_typed(
    desk: Client, primary: Registration
) -> None:
    case = requested(primary)

    with nothing_written():
        response = desk.post(address(case, "approve/"), {"replacement": "00:06:b1:ff:ff:ff"})

    field = Page(response).field("replacement")
    assert response.status_code == 422
    assert Page(response).codes(field) == ["unknown-replacement"]
    assert field.one("input").attrs["value"] == "00:06:b1:ff:ff:ff"


def test_an_agent_reads_that_a_request_is_out_of_warranty(desk: Client, primary: Registration) -> None:
    ended_warranty(primary)
    case = requested(primary)

    response = desk.post(address(case, "approve/"), {"replacement": UnitFactory().serial})

    assert response.status_code == 422
    assert Page(response).codes() == ["out-of-warranty"]


def test_a_replacement_of_another_open_case_is_refused(
    desk: Client, primary: Registration, member: Membership
) -> None:
    other = open_for(RegistrationFactory(account=member.account), UnitFactory())
    case = requested(primary)

    response = desk.post(address(case, "approve/"), {"replacement": other.replacement.serial})

    assert response.status_code == 422
    assert Page(response).codes() == ["case-open"]
    assert other.number in response.content.decode()


@pytest.mark.parametrize("action", ["approve/", "decline/", "cancel/", "complete/", "received/", "undo/"])
@pytest.mark.parametrize("reason", ["", "because"])
def test_a_stale_page_of_a_closed_case_changes_nothing_and_says_so(
    desk: Client, primary: Registration, action: str, reason: str
) -> None:
    case = open_for(primary, UnitFactory())
    desk.post(address(case, "cancel/"), {"reason": "it works again"})

    with nothing_written(but=SESSIONS):
        response = desk.post(
            address(case, action), {"reason": reason, "replacement": UnitFactory.build().serial}, follow=True
        )

    assert told(Page(response)) == ["case-not-open"]


def told(page: Page) -> list[str]:
    """The codes of refusals on a page, and of those that the page before it had left as a message."""
    messages = [
        e.attrs["class"].split()[0] for e in page.root.all("li") if "error" in e.attrs.get("class", "")
    ]
    return page.codes() + messages


# Declining, cancelling, receiving


@pytest.mark.parametrize(("action", "state"), [("decline/", "declined"), ("cancel/", "cancelled")])
def test_a_case_is_closed_with_a_reason(desk: Client, primary: Registration, action: str, state: str) -> None:
    case = requested(primary)

    with nothing_written():
        refused = Page(desk.post(address(case, action), {"reason": " "}))

    desk.post(address(case, action), {"reason": "sold as spares"})

    assert refused.codes(refused.field("reason")) == ["required"]
    assert (fresh(case).state, fresh(case).decision) == (state, "sold as spares")
    assert actions(shown(desk, case)) == {"mail"}


@pytest.mark.parametrize("reason", ["r" * 201, "a\0b"])
def test_a_reason_that_cannot_be_kept_is_refused(desk: Client, primary: Registration, reason: str) -> None:
    case = requested(primary)

    response = desk.post(address(case, "decline/"), {"reason": reason})

    assert response.status_code == 422
    assert fresh(case).state == "requested"


def test_the_failed_unit_comes_back_once(desk: Client, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())
    complete(case)

    desk.post(address(case, "received/"))
    again = desk.post(address(case, "received/"), follow=True)

    assert fresh(case).state == "received"
    assert told(Page(again)) == ["case-not-open"]
    assert AuditEntry.objects.filter(code="rma-received").values("action").distinct().count() == 1
    assert actions(shown(desk, case)) == {"mail"}


def test_the_last_mail_is_sent_again(client: Client, agent: User, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())
    complete(case)
    before = Mail.objects.count()

    client.post(address(case, "mail/"))

    mails = list(Mail.objects.order_by("-pk"))
    assert (len(mails) - before, mails[0].to) == (1, "homer@example.org")
    assert mails[0].body == mails[1].body
    assert AuditEntry.objects.filter(code="mail-resent", actor=agent).exists()


# The dry run, and completing


def sides(page: Page) -> dict[tuple[str, str], str]:
    found = [e for e in page.root.all("section") if "data-when" in e.attrs]
    return {(e.attrs["data-unit"], e.attrs["data-when"]): e.text for e in found}


def test_the_dry_run_shows_each_unit_before_and_after_and_changes_nothing(
    desk: Client, primary: Registration
) -> None:
    secondary, new = Seat.objects.get(shares=True).registration, UnitFactory()
    case = open_for(primary, new)

    with nothing_written():
        page = rehearsed(desk, case)

    told = sides(page)
    assert {serial for serial, _ in told} == {primary.unit.serial, secondary.unit.serial, new.serial}
    assert "HF Secondary of" in told[secondary.unit.serial, "Before"]
    assert "HF Primary of" in told[secondary.unit.serial, "After"]
    assert "retired" in told[primary.unit.serial, "After"]
    assert "not registered" in told[new.serial, "Before"]
    assert "moves" in [row[2] for row in page.section("lines").one("table").rows()]
    assert secondary.unit.serial in page.section("steps").text


def test_the_dry_run_alone_is_that_of_the_page(desk: Client, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())

    part = Page(desk.get(address(case, "dry-run/"), headers={"HX-Request": "true"}))

    whole = rehearsed(desk, case)
    assert (sides(part), plan(part)) == (sides(whole), plan(whole))
    assert not list(part.root.all("h1"))
    assert actions(part) == {"complete"}


def test_completing_does_what_was_shown(client: Client, agent: User, primary: Registration) -> None:
    secondary, new = Seat.objects.get(shares=True).registration, UnitFactory()
    case = open_for(primary, new)
    after = {unit: text for (unit, when), text in sides(rehearsed(client, case)).items() if when == "After"}

    response = client.post(address(case, "complete/"), plan(rehearsed(client, case)), follow=True)

    assert response.redirect_chain == [(address(case), 302)]
    assert (fresh(case).state, fresh(case).completed_by) == ("completed", agent)
    assert Licence.objects.get().registration == secondary
    assert f"HF Primary of {primary.friendly_name} ({new.serial})" in after[secondary.unit.serial]
    assert actions(Page(response)) == {"received", "mail"}


def test_completing_twice_completes_once(desk: Client, primary: Registration) -> None:
    case = open_for(primary, UnitFactory())
    sent = plan(rehearsed(desk, case))

    desk.post(address(case, "complete/"), sent)
    with nothing_written(but=SESSIONS):
        again = desk.post(address(case, "complete/"), sent)

    assert (again.status_code, Page(again).codes()) == (422, ["case-not-open"])
    assert actions(Page(again)) == {"received", "mail"}


def test_what_changed_since_the_dry_run_is_shown_again_and_nothing_is_done(
    desk: Client, primary: Registration
) -> None:
    case = open_for(primary, UnitFactory())
    stale = plan(rehearsed(desk, case))
    grant(primary, 5, expires_on=today() + YEAR)

    with nothing_written():
        response = desk.post(address(case, "complete/"), stale)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes() == ["plan-changed"]
    assert Service.objects.get(code=5).name in page.section("lines").text
    assert plan(page)["seen"] != stale["seen"]
    assert desk.post(address(case, "complete/"), plan(page)).status_code == 302


@pytest.mark.parametrize("seen", ["", "0" * 32, "\0"])
def test_what_was_never_shown_is_not_done(desk: Client, primary: Registration, seen: str) -> None:
    case = open_for(primary, UnitFactory())
    sent = plan(rehearsed(desk, case)) | {"seen": seen}

    with nothing_written():
        response = desk.post(address(case, "complete/"), sent)

    assert Page(response).codes() == ["plan-changed"]


def test_a_request_is_not_completed(desk: Client, primary: Registration) -> None:
    case = requested(primary)

    response = desk.post(address(case, "complete/"), {"seen": "", "partner": ""})

    assert (response.status_code, Page(response).codes()) == (422, ["case-not-open"])
    assert fresh(case).state == "requested"


def test_without_a_replacement_nothing_is_completed(desk: Client, primary: Registration) -> None:
    case = open_for(primary, None)

    response = desk.post(address(case, "complete/"), {"seen": "", "partner": ""})

    assert (response.status_code, Page(response).codes()) == (422, ["replacement-needed"])


def test_of_several_secondaries_the_agent_chooses_who_becomes_primary(
    desk: Client, primary: Registration, member: Membership
) -> None:
    sharing, (spare,) = Seat.objects.get(shares=True), registrations(member.account, 1)
    add_spares(sharing, [spare])
    case = open_for(primary, UnitFactory())

    offered = [e.attrs["value"] for e in rehearsed(desk, case).field("partner").all("option")]
    page = rehearsed(desk, case, partner=spare.unit.serial)
    desk.post(address(case, "complete/"), plan(page))

    assert offered == [sharing.registration.unit.serial, spare.unit.serial, "none"]
    assert plan(page)["partner"] == spare.unit.serial
    assert Licence.objects.get().registration == spare


@pytest.mark.parametrize("partner", ["FFFFFFFFFFFF", "x" * 300, ""])
def test_a_partner_that_nobody_offered_is_the_proposed_one(
    desk: Client, primary: Registration, partner: str
) -> None:
    secondary = Seat.objects.get(shares=True).registration
    case = open_for(primary, UnitFactory())

    page = rehearsed(desk, case, partner=partner)

    assert plan(page)["partner"] == secondary.unit.serial


def test_the_secondary_of_a_pair_has_no_partner_to_choose(desk: Client, primary: Registration) -> None:
    secondary = Seat.objects.get(shares=True).registration
    case = open_for(secondary, UnitFactory())

    page = rehearsed(desk, case)

    assert not [e for e in page.root.all("select") if e.attrs["name"] == "partner"]
    assert plan(page)["partner"] == primary.unit.serial


# Undoing


def undoable(primary: Registration) -> RmaCase:
    case = open_for(primary, UnitFactory())
    complete(case)
    return fresh(case)


def plan_of_undoing(client: Client, case: RmaCase) -> dict[str, str]:
    """What the page with the dry run of undoing sends along."""
    page = Page(client.get(address(case, "dry-run/")))
    return {"seen": page.root.one("input", name="seen").attrs["value"]}


def test_undoing_is_shown_before_it_is_done(desk: Client, primary: Registration) -> None:
    case = undoable(primary)

    with nothing_written():
        page = Page(desk.get(address(case, "dry-run/")))
        part = desk.get(address(case, "dry-run/"), headers={"HX-Request": "true"})

    after = {unit: text for (unit, when), text in sides(page).items() if when == "After"}
    assert "HF Primary" in after[primary.unit.serial]
    assert "not registered" in after[case.replacement.serial]
    assert "undo" in actions(page)
    assert "undo" in actions(Page(part))


def test_an_agent_undoes_a_case_with_a_reason(desk: Client, primary: Registration) -> None:
    case = undoable(primary)

    with nothing_written():
        refused = desk.post(address(case, "undo/"), {"reason": ""})

    desk.post(address(case, "undo/"), {"reason": "it was the cable", **plan_of_undoing(desk, case)})

    assert Page(refused).codes(Page(refused).field("reason")) == ["required"]
    assert (fresh(case).state, fresh(case).decision) == ("undone", "it was the cable")
    assert actions(shown(desk, case)) == {"mail"}
    assert "steps" not in {e.attrs.get("aria-labelledby") for e in shown(desk, case).root.all("section")}


@pytest.mark.parametrize("late", ["days", "read"])
def test_only_a_lead_undoes_late(client: Client, log_in: LogIn, primary: Registration, late: str) -> None:
    case = undoable(primary)
    if late == "days":
        RmaCase.objects.filter(pk=case.pk).update(completed_at=timezone.now() - 15 * DAY)
    else:
        heir = Registration.objects.get(pk=case.done["heir"])
        read_keyset(registration=heir, today=today())
    log_in(AGENT)

    with nothing_written(but=SESSIONS):  # the recent units
        page = shown(client, case)
        refused = client.post(address(case, "undo/"), {"reason": "late"})

    log_in(LEAD)
    client.post(address(case, "undo/"), {"reason": "late", **plan_of_undoing(client, case)})

    assert (page.codes(), actions(page)) == (["undo-for-lead"], {"received", "mail"})
    assert refused.status_code == 422
    assert Page(refused).codes(Page(refused).root.one("div", role="alert")) == ["undo-for-lead"]
    assert fresh(case).state == "undone"


def test_what_stands_in_the_way_of_undoing_is_named_and_nothing_is_done(
    desk: Client, primary: Registration
) -> None:
    case = undoable(primary)
    later = open_for(Registration.objects.get(pk=case.done["heir"]), None)

    with nothing_written(but=SESSIONS):  # the recent units
        page = shown(desk, case)
        response = desk.post(address(case, "undo/"), {"reason": "it was the cable"})

    assert "undo" not in actions(page)
    assert later.number in page.section("undo").text
    assert response.status_code == 422
    assert later.number in Page(response).root.one("div", role="alert").text


# The list


def many_cases(member: Membership, count: int, state: str = "requested") -> None:
    units = registrations(member.account, count)
    RmaCase.objects.bulk_create(
        RmaCase(
            account=member.account,
            failed=unit,
            replacement=unit.unit,
            symptom="dead",
            asked_by=member.user,
            state=state,
        )
        for unit in units
    )


@pytest.mark.parametrize("query", [{"queue": "x" * 300}, {"after": "9" * 40}])
def test_an_odd_address_of_the_list_is_no_fault(
    desk: Client, member: Membership, query: dict[str, str]
) -> None:
    assert desk.get("/support/rma/", query).status_code == 200


# How many questions the pages ask the database


@pytest.mark.parametrize("count", [10, 1_000])
def test_queries_of_the_list(
    desk: Client, member: Membership, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    many_cases(member, count)

    with django_assert_num_queries(6):
        desk.get("/support/rma/")


@pytest.mark.parametrize("count", [10, 300])
def test_queries_of_the_dry_run(
    desk: Client, primary: Registration, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    case = open_for(primary, UnitFactory())
    pairs(primary.account, count // 2)
    desk.get(address(case))  # from now on its unit is the latest of the recent ones

    with django_assert_num_queries(114):
        desk.get(address(case, "dry-run/"))
    with django_assert_num_queries(110):
        desk.get(address(case, "dry-run/"), headers={"HX-Request": "true"})


def test_opening_a_case_locks_nobody(
    desk: Client, primary: Registration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    case = open_for(primary, UnitFactory())
    shown(desk, case)  # from now on its unit is the latest of the recent ones

    with django_assert_num_queries(9) as asked:
        page = shown(desk, case)

    assert {query["sql"].split(maxsplit=1)[0] for query in asked.captured_queries} == {"SELECT"}
    assert not [query for query in asked.captured_queries if " FOR " in query["sql"]]
    assert address(case, "dry-run/") in [link.attrs["href"] for link in page.root.all("a")]


@pytest.mark.parametrize("count", [10, 300])
def test_queries_of_a_completed_case(
    desk: Client, primary: Registration, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    case = undoable(primary)
    pairs(primary.account, count // 2)
    desk.get(address(case))  # from now on its unit is the latest of the recent ones

    with django_assert_num_queries(27):
        desk.get(address(case))


@pytest.mark.parametrize("count", [10, 300])
def test_queries_of_opening(
    desk: Client, primary: Registration, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    pairs(primary.account, count // 2)

    with django_assert_num_queries(6):
        desk.get(opening(primary.unit))


# The list among Django's others


@pytest.mark.parametrize(("role", "links"), [(AGENT, 1), (LEAD, 1), (OPERATOR, 0)])
def test_all_cases_are_listed_with_a_way_to_their_page_for_who_may_open_it(
    client: Client, log_in: LogIn, primary: Registration, role: str, links: int
) -> None:
    case = open_for(primary, UnitFactory())
    log_in(role)

    page = Page(client.get("/support/licensing/rmacase/", {"q": primary.unit.serial}))
    row = client.get(f"/support/licensing/rmacase/{case.pk}/change/")

    assert case.number in page.root.one("table", id="result_list").text
    assert len(list(page.root.all("a", href=address(case)))) == links
    assert (row.status_code, "Save" in row.content.decode()) == (200, False)
