import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What another index of the table begins with needs no index of its own."""

    dependencies = [
        ("licensing", "0010_one_waiver_less"),
    ]

    operations = [
        migrations.AlterField(
            model_name="keyset",
            name="unit",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="keysets",
                to="products.unit",
            ),
        ),
        migrations.AlterField(
            model_name="licence",
            name="registration",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="licences",
                to="products.registration",
            ),
        ),
        migrations.AlterField(
            model_name="modelservice",
            name="model",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="model_services",
                to="products.productmodel",
            ),
        ),
        migrations.AlterField(
            model_name="poolpart",
            name="licence",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="licensing.licence",
            ),
        ),
        migrations.AlterField(
            model_name="rmacase",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rma_cases",
                to="portal.account",
            ),
        ),
        migrations.AlterField(
            model_name="trialstart",
            name="unit",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="trial_starts",
                to="products.unit",
            ),
        ),
    ]
