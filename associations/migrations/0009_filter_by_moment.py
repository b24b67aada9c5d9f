from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The desk's lists are filtered by the moment of their rows, which lie in that order."""

    dependencies = [("associations", "0008_unique_without_like")]

    operations = [
        search_index("seat_moment", "associations_seat USING brin (began_at)"),
    ]
