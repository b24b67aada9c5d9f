"""The catalogue as shipped, and its loader. Keysets contain its codes, which are therefore permanent.

Sources: the document's section Platforms (models with HF), its figure 2 (association types) and its last
table (services).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from associations.catalogue import add_type_model, save_association_type
from associations.models import AssociationType, Side
from licensing.catalogue.changes import save_service, set_model_service
from licensing.keyset import UNLIMITED
from licensing.models import Service
from products.models import ProductModel
from products.services import save_product_model

REASON = "the catalogue as shipped"
HF_MODELS = {
    1: "CSM 2100",
    2: "CSM 2200",
    3: "CSM 3200",
    4: "PRO 2040",
    5: "PRO 3060",
    6: "PRO 4060",
    7: "PRO 4100",
    8: "PRO 5060",
}
OTHER_FIREWALLS = {11: "TZ 150", 12: "TZ 170", 13: "TZ 170 Wireless", 14: "PRO 1260"}
ACCESS_POINTS = {9: "SonicPoint", 10: "SonicWALL SonicPoint G"}


@dataclass(frozen=True, slots=True)
class ShippedService:
    """A service and its flags: s shareable, t transferable, c counted, d divisible, f free trial,
    a activation.
    """

    code: int
    name: str
    flags: str


SERVICES = [
    ShippedService(1, "Nodes/Users", "tc"),
    ShippedService(2, "Client AV Enforcement", "stcdfa"),
    ShippedService(3, "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service", "stfa"),
    ShippedService(4, "Server Anti-Virus", "sta"),
    ShippedService(5, "Content Filter", "stfa"),
    ShippedService(6, "Premium Content Filtering Service", "stfa"),
    ShippedService(7, "E-Mail Filtering Service", "st"),
    ShippedService(8, "VPN", "st"),
    ShippedService(9, "Global VPN Client", "stca"),
    ShippedService(10, "Global VPN Client Enterprise", "stca"),
    ShippedService(11, "Global Security Client", "stca"),
    ShippedService(12, "ViewPoint", "st"),
    ShippedService(13, "SonicOS Enhanced", "t"),
    ShippedService(14, "Support", "ta"),
]
# What a model comes with, by its code: the service's code, the count.
FIREWALL = [(8, None), (9, 5), (12, None)]
COMES_WITH = {code: [(1, UNLIMITED), *FIREWALL, (13, None)] for code in HF_MODELS} | {
    11: [(1, 10), (8, None), (12, None)],
    12: [(1, 10), *FIREWALL],
    13: [(1, 10), *FIREWALL],
    14: [(1, 25), *FIREWALL],
}


@transaction.atomic
def load_catalogue() -> None:
    """Create what is missing of the shipped catalogue. What staff renamed, changed or removed stays so."""
    new_services = {
        shipped.code: _service(shipped) for shipped in SERVICES if not _is_there(Service, shipped.code)
    }
    new_models = {
        code: _model(code, name)
        for code, name in (HF_MODELS | OTHER_FIREWALLS | ACCESS_POINTS).items()
        if not _is_there(ProductModel, code)
    }
    for model, included in COMES_WITH.items():
        for code, count in included:
            if model in new_models or code in new_services:
                set_model_service(
                    model=ProductModel.objects.get(code=model),
                    service=Service.objects.get(code=code),
                    count=count,
                    by=None,
                    reason=REASON,
                )
    _load_types(set(new_models))


def _is_there(kind: type[Service | ProductModel], code: int) -> bool:
    return kind._default_manager.filter(code=code).exists()


def _service(shipped: ShippedService) -> Service:
    service = Service(
        code=shipped.code,
        name=shipped.name,
        is_shareable="s" in shipped.flags,
        is_transferable="t" in shipped.flags,
        is_counted="c" in shipped.flags,
        is_divisible="d" in shipped.flags,
        is_trial_offered="f" in shipped.flags,
        is_activation_offered="a" in shipped.flags,
    )
    return save_service(service=service, by=None, reason=REASON)


def _model(code: int, name: str) -> ProductModel:
    family = name.removeprefix("SonicWALL ").split()[0]
    model = ProductModel(code=code, name=name, line=name, family=family)
    return save_product_model(model=model, by=None, reason=REASON)


def _load_types(new_models: set[int]) -> None:
    """Load the association types in the order of figure 2."""
    for position, (code, name) in enumerate(ACCESS_POINTS.items(), start=1):
        slug = "sonicpoint-g" if name.endswith("G") else "sonicpoint"
        shipped = AssociationType(
            slug=slug,
            parent_label="Firewall",
            child_label=name,
            is_same_model=False,
            shares_licences=False,
            position=position,
        )
        _load_type(shipped, parents=HF_MODELS | OTHER_FIREWALLS, children=[code], new_models=new_models)
    shipped = AssociationType(
        slug="hf",
        parent_label="HF Primary",
        child_label="HF Secondary",
        is_same_model=True,
        shares_licences=True,
        position=3,
    )
    _load_type(shipped, parents=HF_MODELS, children=HF_MODELS, new_models=new_models)


def _load_type(
    shipped: AssociationType, *, parents: Iterable[int], children: Iterable[int], new_models: set[int]
) -> None:
    present = AssociationType.objects.filter(slug=shipped.slug).first()
    type = present or save_association_type(type=shipped, by=None, reason=REASON)
    for side, codes in ((Side.PARENT, parents), (Side.CHILD, children)):
        for code in codes:
            if present is None or code in new_models:
                model = ProductModel.objects.get(code=code)
                add_type_model(type=type, model=model, side=side, by=None, reason=REASON)
