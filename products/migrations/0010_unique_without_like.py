from django.db import migrations, models


class Migration(migrations.Migration):
    """Unique as before, without a second index for patterns that nobody searches by."""

    dependencies = [
        ("products", "0009_prefix_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="productmodel",
            name="name",
            field=models.CharField(max_length=40),
        ),
        migrations.AlterField(
            model_name="registration",
            name="code",
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name="unit",
            name="serial",
            field=models.CharField(max_length=12),
        ),
        migrations.AddConstraint(
            model_name="productmodel",
            constraint=models.UniqueConstraint(fields=("name",), name="productmodel_name_once"),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.UniqueConstraint(fields=("code",), name="registration_code_once"),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.UniqueConstraint(fields=("serial",), name="unit_serial_once"),
        ),
    ]
