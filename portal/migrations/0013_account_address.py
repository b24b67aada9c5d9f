from django.db import migrations, models


class Migration(migrations.Migration):
    """An account keeps the address that its replacements are delivered to."""

    dependencies = [
        ("portal", "0012_mail_html"),
    ]

    operations = [
        migrations.AddField(
            "account",
            "address",
            models.TextField(blank=True, default="", max_length=1000),
            preserve_default=False,
        ),
    ]
