from django.db import migrations

from portal.name_search import search_index

NAMES = [
    ("account_name", "portal_account", "name"),
    ("user_username", "portal_user", "username"),
    ("user_email", "portal_user", "email"),
]


class Migration(migrations.Migration):
    """The desk finds names by their beginning in order of bytes, and by any part."""

    dependencies = [("portal", "0003_mail_and_desk_permissions")]

    operations = [
        search_index(f"{name}_{kind}", f"{table} {columns}")
        for name, table, column in NAMES
        for kind, columns in (
            ("begins", f'((upper({column}) COLLATE "C"), id)'),
            ("inside", f"USING gin (upper({column}) gin_trgm_ops)"),
        )
    ]
