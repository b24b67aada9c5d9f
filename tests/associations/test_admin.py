import pytest
from django.test import Client

from associations.models import AssociationType, TypeModel
from portal.models import AuditEntry
from products.models import ProductModel
from tests.factories import MembershipFactory, pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_model_joins_a_type_with_its_reason(desk: Client) -> None:
    hf, model = AssociationType.objects.get(slug="hf"), ProductModel.objects.get(name="TZ 170")

    desk.post(
        "/support/associations/typemodel/add/",
        {"type": hf.pk, "model": model.pk, "side": "parent", "reason": "a new firmware"},
    )

    assert TypeModel.objects.filter(type=hf, model=model, side="parent").exists()
    assert AuditEntry.objects.get(code="type-model-added", reason="a new firmware").data["model"] == "TZ 170"


def test_a_model_with_a_live_pair_stays_in_its_type(desk: Client) -> None:
    member = MembershipFactory()
    pair(member.account, member.user)
    entry = TypeModel.objects.get(type__slug="hf", model__name="PRO 5060", side="child")

    desk.post(f"/support/associations/typemodel/{entry.pk}/delete/", {"post": "yes", "reason": "an error"})

    assert TypeModel.objects.filter(pk=entry.pk).exists()


def test_what_live_pairs_rest_on_cant_change(desk: Client) -> None:
    member = MembershipFactory()
    pair(member.account, member.user)
    hf = AssociationType.objects.get(slug="hf")
    form = {
        "slug": "hf",
        "parent_label": "HF Primary",
        "child_label": "HF Secondary",
        "position": 3,
        "reason": "x",
    }

    response = desk.post(f"/support/associations/associationtype/{hf.pk}/change/", form)

    hf.refresh_from_db()
    assert response.status_code == 422
    assert (hf.is_same_model, hf.shares_licences) == (True, True)
