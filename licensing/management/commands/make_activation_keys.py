"""Make a batch of activation keys and print them, once."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensing.activation.redeeming import make_activation_keys
from licensing.keyset import UNLIMITED
from licensing.models import Service
from portal.errors import RuleViolation
from products.models import ProductModel


def _count(text: str) -> int:
    if text.lower() == "unlimited":
        return UNLIMITED
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"“{text}” is neither a number nor unlimited")
    return int(text)


class Command(BaseCommand):
    help = (
        "Make activation keys and print them, one a line. The portal keeps only their hashes: "
        "they are never shown again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", metavar="SERVICE", help="the service's code or name")
        parser.add_argument(
            "--count", type=_count, metavar="N|unlimited", help="for how many, where the service is counted"
        )
        parser.add_argument("--term", type=int, metavar="MONTHS", help="the term (default: for ever)")
        parser.add_argument("--number", type=int, required=True, metavar="N", help="how many keys")
        parser.add_argument("--model", metavar="NAME", help="for units of this model only")
        parser.add_argument("--reason", required=True, help="why: kept in the audit trail")

    def handle(
        self,
        *args: Any,
        service: str,
        count: int | None,
        term: int | None,
        number: int,
        model: str | None,
        reason: str,
        **options: Any,
    ) -> None:
        try:
            _, keys = make_activation_keys(
                service=_find_service(service),
                count=count,
                months=term,
                number=number,
                model=_find_model(model) if model else None,
                reason=reason,
                by=None,
            )
        except RuleViolation as refusal:
            raise CommandError(f"{refusal.code}: {refusal}") from refusal
        for key in keys:
            self.stdout.write(key)


def _find_service(text: str) -> Service:
    found = Service.objects.filter(name__iexact=text).first()
    if found is None and text.isascii() and text.isdigit():
        found = Service.objects.filter(code=int(text[:9])).first()
    if found is None:
        known = ", ".join(f"{service.code} {service}" for service in Service.objects.all())
        raise CommandError(f"unknown-service: there is no service “{text}”. There are: {known}.")
    return found


def _find_model(name: str) -> ProductModel:
    found = ProductModel.objects.filter(name__iexact=name).first()
    if found is None:
        known = ", ".join(ProductModel.objects.values_list("name", flat=True))
        raise CommandError(f"unknown-model: there is no model “{name}”. There are: {known}.")
    return found
