import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What another index of the table begins with needs no index of its own."""

    dependencies = [
        ("products", "0008_fill_released_and_counts_moved"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="portal.account",
            ),
        ),
    ]
