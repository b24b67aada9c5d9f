from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The beginning of a friendly name is found by its prepared text."""

    dependencies = [("products", "0015_prepare_search_again")]

    operations = [
        search_index("registration_search_begins", 'products_registration ((search COLLATE "C"), id)'),
        search_index(
            "registration_begins", 'products_registration ((upper(friendly_name) COLLATE "C"), id)', drop=True
        ),
    ]
