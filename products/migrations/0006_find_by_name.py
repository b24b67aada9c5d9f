from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The desk finds friendly names of all accounts by their beginning, in order of bytes."""

    dependencies = [("products", "0005_forgiven_tries")]

    operations = [
        search_index("registration_begins", 'products_registration ((upper(friendly_name) COLLATE "C"), id)')
    ]
