import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What another index of the table begins with needs no index of its own."""

    dependencies = [
        ("associations", "0006_fill_swapped_with"),
    ]

    operations = [
        # Dropping the key's index would take this one with it: it is of that column alone.
        migrations.RemoveConstraint(model_name="seat", name="seat_one_source"),
        migrations.AlterField(
            model_name="seat",
            name="registration",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="seats",
                to="products.registration",
            ),
        ),
        migrations.AddConstraint(
            model_name="seat",
            constraint=models.UniqueConstraint(
                models.F("registration"),
                condition=models.Q(("ended_at", None), ("shares", True)),
                name="seat_one_source",
            ),
        ),
        migrations.AlterField(
            model_name="typemodel",
            name="type",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="models",
                to="associations.associationtype",
            ),
        ),
    ]
