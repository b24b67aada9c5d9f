from django.db import migrations

from portal.name_search import PreparedField


class Migration(migrations.Migration):
    """Accounts and people have a column by which their names are searched."""

    dependencies = [
        ("portal", "0013_account_address"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="search",
            field=PreparedField(db_default="", default="", editable=False, max_length=151, of=["name"]),
        ),
        migrations.AddField(
            model_name="user",
            name="search",
            field=PreparedField(
                db_default="",
                default="",
                editable=False,
                max_length=604,
                of=["username", "first_name", "last_name", "email"],
            ),
        ),
    ]
