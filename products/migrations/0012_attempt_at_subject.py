from django.db import migrations, models


class Migration(migrations.Migration):
    """The desk opens a serial number to all accounts that tried it."""

    dependencies = [
        ("products", "0011_attempt_kind_known"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["subject", "at"], name="attempt_at_subject"),
        ),
    ]
