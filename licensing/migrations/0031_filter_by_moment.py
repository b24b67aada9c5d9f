from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The desk's lists are filtered by the moment of their rows, which lie in that order."""

    dependencies = [("licensing", "0030_warranty_taken_over")]

    operations = [
        search_index("ledgerentry_moment", "licensing_ledgerentry USING brin (at)"),
        search_index("activationkey_moment", "licensing_activationkey USING brin (made_at)"),
        search_index("trialstart_moment", "licensing_trialstart USING brin (at)"),
        search_index("rmacase_moment", "licensing_rmacase USING brin (asked_at)"),
    ]
