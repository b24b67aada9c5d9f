from django.db import migrations, models


class Migration(migrations.Migration):
    """30 characters as people count them take up more room; the search text with them."""

    dependencies = [
        ("products", "0013_counts_moved_at_goes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="registration",
            name="friendly_name",
            field=models.CharField(max_length=400),
        ),
        migrations.AlterField(
            model_name="registration",
            name="search",
            field=models.CharField(max_length=250),
        ),
    ]
