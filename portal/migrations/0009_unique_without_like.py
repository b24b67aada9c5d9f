from django.db import migrations, models


class Migration(migrations.Migration):
    """Unique as before, without a second index for patterns that nobody searches by."""

    dependencies = [
        ("portal", "0008_prefix_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="key",
            name="kid",
            field=models.CharField(max_length=16),
        ),
        migrations.AddConstraint(
            model_name="key",
            constraint=models.UniqueConstraint(fields=("kid",), name="key_kid_once"),
        ),
    ]
