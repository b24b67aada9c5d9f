from django.db import migrations, models


class Migration(migrations.Migration):
    """Unique as before, without a second index for patterns that nobody searches by."""

    dependencies = [
        ("licensing", "0011_prefix_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="activationkey",
            name="mac",
            field=models.CharField(max_length=64),
        ),
        migrations.AlterField(
            model_name="service",
            name="name",
            field=models.CharField(max_length=80),
        ),
        migrations.AddConstraint(
            model_name="activationkey",
            constraint=models.UniqueConstraint(fields=("mac",), name="activationkey_mac_once"),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.UniqueConstraint(fields=("name",), name="service_name_once"),
        ),
    ]
