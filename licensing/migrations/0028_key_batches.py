from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A form makes one batch of keys, however often it is sent."""

    dependencies = [
        ("licensing", "0027_offers"),
        ("products", "0013_counts_moved_at_goes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(editable=False, unique=True)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "batch of keys",
                "verbose_name_plural": "batches of keys",
            },
        ),
    ]
