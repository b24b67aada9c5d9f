"""Services, and what each model comes with."""

from django.db import models
from django.db.models import Q

from licensing.keyset import UNLIMITED
from products.models import ProductModel

LARGEST_COUNT = 2**32 - 1
FLAGS = (
    "is_shareable",
    "is_transferable",
    "is_counted",
    "is_divisible",
    "is_trial_offered",
    "is_activation_offered",
)
"""The flags of a service, which the ledger records."""


class Service(models.Model):
    """Something that can be licensed. `code` is its permanent number in keysets, and its order on pages."""

    code = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=80)
    is_shareable = models.BooleanField("an HF Secondary shares it", default=True)
    is_transferable = models.BooleanField("a replacement takes it over", default=True)
    is_counted = models.BooleanField("licensed for a number", default=False)
    is_divisible = models.BooleanField("its count can be shared out", default=False)
    is_trial_offered = models.BooleanField("free trial offered", default=False)
    is_activation_offered = models.BooleanField("activation offered", default=False)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["name"], name="service_name_once"),
            models.CheckConstraint(condition=Q(code__gte=1, code__lte=65535), name="service_code_u16"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelService(models.Model):
    """What every unit of a model comes with, without end. `count`: -1 is Unlimited, None is uncounted."""

    model = models.ForeignKey(ProductModel, models.PROTECT, related_name="model_services", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    count = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = "service of a model", "services that models come with"
        ordering = ["model", "service__code"]
        constraints = [
            models.UniqueConstraint("model", "service", name="modelservice_once"),
            models.CheckConstraint(
                condition=Q(count=None) | Q(count__gte=UNLIMITED, count__lte=2**32 - 1),
                name="modelservice_count",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} comes with {self.service}"


class CatalogueState(models.Model):
    """A single row: its version rises with every catalogue change that entitlements depend on."""

    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="cataloguestate_one_row")]

    def __str__(self) -> str:
        return f"Catalogue {self.version}"
