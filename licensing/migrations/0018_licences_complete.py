import uuid

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    """No licence is without its uuid and its days: 0017 filled them."""

    dependencies = [("licensing", "0017_fill_licences")]

    operations = [
        migrations.AlterModelOptions("licence", {"verbose_name": "license"}),
        migrations.AlterField(
            "licence", "uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
        ),
        migrations.AlterField("licence", "begins_on", models.DateField()),
        migrations.AlterField("licence", "counted_from", models.PositiveSmallIntegerField()),
        migrations.AddConstraint(
            "licence",
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gte=F("begins_on")), name="licence_days"
            ),
        ),
        migrations.AddConstraint(
            "licence",
            models.CheckConstraint(
                condition=Q(counted_from__gte=1, counted_from__lte=31), name="licence_counted_from"
            ),
        ),
    ]
