from django.db import migrations

from portal.name_search import prepare


class Migration(migrations.Migration):
    """The names that are there are prepared for searching; what is prepared goes with its column."""

    atomic = False  # each batch commits alone: rows stay locked for a moment only

    dependencies = [("portal", "0014_prepared_names")]

    operations = [
        prepare(("portal", "Account"), ["name"]),
        prepare(("portal", "User"), ["username", "first_name", "last_name", "email"]),
    ]
