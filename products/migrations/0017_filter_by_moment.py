from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The desk's lists are filtered by the moment of their rows, which lie in that order."""

    dependencies = [("products", "0016_find_by_prepared_name")]

    operations = [
        search_index("registration_moment", "products_registration USING brin (registered_at)"),
    ]
