"""Load the shipped catalogue and the roles of the desk."""

from typing import Any

from django.core.management.base import BaseCommand

from licensing.catalogue.shipped import load_catalogue
from portal.roles import load_roles


class Command(BaseCommand):
    help = (
        "Create what is missing of the shipped models, services, association types and roles of the desk; "
        "change nothing of the catalogue that is there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        load_catalogue()
        load_roles()
        self.stdout.write("The catalogue is loaded.")
