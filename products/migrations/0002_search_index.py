from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """A part of a name or a serial number is found by a trigram index."""

    dependencies = [("products", "0001_initial")]

    operations = [
        search_index("registration_search", "products_registration USING gin (search gin_trgm_ops)")
    ]
