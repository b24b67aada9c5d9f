from django.db import migrations, models


class Migration(migrations.Migration):
    """A case notes which warranty the replacement took over, and what its own was."""

    dependencies = [
        ("licensing", "0029_key_states"),
    ]

    operations = [
        migrations.AddField(
            model_name="rmacase",
            name="warranty_until",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="warranty_was",
            field=models.DateField(blank=True, null=True),
        ),
    ]
