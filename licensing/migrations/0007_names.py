from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0006_rma_cases"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="modelservice",
            options={
                "ordering": ["model", "service__code"],
                "verbose_name": "service of a model",
                "verbose_name_plural": "services that models come with",
            },
        ),
        migrations.AlterModelOptions(
            name="poolpart",
            options={"verbose_name": "shared-out count", "verbose_name_plural": "shared-out counts"},
        ),
        migrations.AlterModelOptions(
            name="trialstart",
            options={"verbose_name": "free trial", "verbose_name_plural": "free trials"},
        ),
    ]
