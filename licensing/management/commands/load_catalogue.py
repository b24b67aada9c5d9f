"""Load the shipped catalogue."""

from typing import Any

from django.core.management.base import BaseCommand

from licensing.shipped import load_catalogue


class Command(BaseCommand):
    help = (
        "Create what is missing of the shipped models, services and association types; "
        "change nothing that is there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        load_catalogue()
        self.stdout.write("The catalogue is loaded.")
