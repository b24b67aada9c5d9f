import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What another index of the table begins with needs no index of its own."""

    dependencies = [
        ("portal", "0007_mail_link_for"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="portal.account",
            ),
        ),
    ]
