from django.db import migrations, models


class Migration(migrations.Migration):
    """A unit holds as many licences of a service as it got, each with its days; the ledger names them."""

    dependencies = [("licensing", "0015_keysets_looked_at_again")]

    operations = [
        migrations.RemoveConstraint("licence", "licence_one_for_service"),
        migrations.AddField("licence", "uuid", models.UUIDField(null=True, editable=False)),
        migrations.AddField("licence", "begins_on", models.DateField(null=True)),
        migrations.AddField("licence", "counted_from", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("ledgerentry", "licence", models.UUIDField(null=True)),
    ]
