"""Make the portal's keys."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensing.keysets.signing import describe_signing_key, make_signing_key
from portal.errors import RuleViolation
from portal.keys import describe_hash_key, ensure_key, make_hash_key
from portal.models import Key


class Command(BaseCommand):
    help = (
        "Make the keys that are missing: one that signs keysets, one that hashes authentication codes. "
        "Replaces none."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keys = [
                ensure_key(
                    purpose=Key.Purpose.KEYSETS, make=make_signing_key, describe=describe_signing_key, by=None
                ),
                ensure_key(
                    purpose=Key.Purpose.CODES, make=make_hash_key, describe=describe_hash_key, by=None
                ),
            ]
        except RuleViolation as refusal:
            raise CommandError(str(refusal)) from None
        for key in keys:
            self.stdout.write(f"Active key that {key.get_purpose_display()}: {key.kid}")
