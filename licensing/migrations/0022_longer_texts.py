from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0021_ledger_undo"),
    ]

    operations = [
        migrations.AlterField(
            model_name="rmacase",
            name="address",
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AlterField(
            model_name="rmacase",
            name="symptom",
            field=models.CharField(max_length=2000),
        ),
    ]
