from django.db import migrations

from portal.name_search import search_index

NEW = [
    ("account_search_begins", 'portal_account ((search COLLATE "C"), id)'),
    ("account_search_inside", "portal_account USING gin (search gin_trgm_ops)"),
    ("user_search_begins", 'portal_user ((search COLLATE "C"), id)'),
    ("user_search_inside", "portal_user USING gin (search gin_trgm_ops)"),
]
OLD = [
    (f"{name}_{kind}", f"{table} {columns}")
    for name, table, column in (
        ("account_name", "portal_account", "name"),
        ("user_username", "portal_user", "username"),
        ("user_email", "portal_user", "email"),
    )
    for kind, columns in (
        ("begins", f'((upper({column}) COLLATE "C"), id)'),
        ("inside", f"USING gin (upper({column}) gin_trgm_ops)"),
    )
]


class Migration(migrations.Migration):
    """The prepared names have the indexes that the names themselves had."""

    dependencies = [("portal", "0015_fill_prepared_names")]

    operations = [
        *(search_index(name, on) for name, on in NEW),
        *(search_index(name, on, drop=True) for name, on in OLD),
    ]
