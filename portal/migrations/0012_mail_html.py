from django.db import migrations, models


class Migration(migrations.Migration):
    """A mail has its HTML beside its text; those from before stay text only."""

    dependencies = [
        ("portal", "0011_act"),
    ]

    operations = [
        migrations.AddField("mail", "html", models.TextField(blank=True, default=""), preserve_default=False),
    ]
