from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("associations", "0003_seat_by_rma"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="seat",
            options={
                "verbose_name": "place in an association",
                "verbose_name_plural": "places in associations",
            },
        ),
        migrations.AlterModelOptions(
            name="typemodel",
            options={
                "verbose_name": "model that fits a type",
                "verbose_name_plural": "models that fit types",
            },
        ),
    ]
