from django.db import migrations, models


class Migration(migrations.Migration):
    """The database knows a key's purposes, as it knows its states."""

    dependencies = [
        ("portal", "0009_unique_without_like"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="key",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["keysets", "codes"])), name="key_purpose_known"
            ),
        ),
    ]
