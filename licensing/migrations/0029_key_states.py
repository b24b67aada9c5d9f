from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys are listed by their state."""

    dependencies = [
        ("licensing", "0028_key_batches"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="activationkey",
            index=models.Index(
                condition=models.Q(("redeemed_at__isnull", False)),
                fields=["-id"],
                name="activationkey_redeemed",
            ),
        ),
        migrations.AddIndex(
            model_name="activationkey",
            index=models.Index(
                condition=models.Q(("revoked_at__isnull", False)),
                fields=["-id"],
                name="activationkey_revoked",
            ),
        ),
        migrations.AddIndex(
            model_name="activationkey",
            index=models.Index(
                condition=models.Q(("redeemed_at", None), ("revoked_at", None)),
                fields=["-id"],
                name="activationkey_open",
            ),
        ),
    ]
