from django.db import migrations, models


class Migration(migrations.Migration):
    """The database knows the kinds of wrong tries."""

    dependencies = [
        ("products", "0010_unique_without_like"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["code", "key"])), name="attempt_kind_known"
            ),
        ),
    ]
