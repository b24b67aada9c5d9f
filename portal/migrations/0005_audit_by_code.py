from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0004_find_by_name"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["code", "-id"], name="auditentry_by_code"),
        ),
    ]
