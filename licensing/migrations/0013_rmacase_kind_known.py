from django.db import migrations, models


class Migration(migrations.Migration):
    """The database knows the kinds of cases, as it knows their states."""

    dependencies = [
        ("licensing", "0012_unique_without_like"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="rmacase",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["replacement", "transfer"])), name="rmacase_kind_known"
            ),
        ),
    ]
