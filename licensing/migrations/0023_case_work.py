import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0022_longer_texts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="rmacase",
            name="assignee",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="lead_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("out-of-warranty", "the warranty has ended"),
                    ("wrong-model", "the replacement is another model"),
                ],
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="return_tracking",
            field=models.CharField(blank=True, max_length=60, verbose_name="tracking number back"),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="sent_tracking",
            field=models.CharField(blank=True, max_length=60, verbose_name="tracking number out"),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="state_since",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="ticket",
            field=models.CharField(blank=True, max_length=40, verbose_name="their ticket number"),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="waits_for_lead_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="rmacase",
            name="wanted_replacement",
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.AddIndex(
            model_name="rmacase",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "approved", "completed"])),
                fields=["id"],
                name="rmacase_live",
            ),
        ),
        migrations.AddIndex(
            model_name="rmacase",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "approved", "completed"])),
                fields=["assignee", "id"],
                name="rmacase_of_assignee",
            ),
        ),
        migrations.AddConstraint(
            model_name="rmacase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lead_reason", ""), ("waits_for_lead_since", None)),
                    models.Q(
                        ("lead_reason__in", ["out-of-warranty", "wrong-model"]),
                        ("waits_for_lead_since__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="rmacase_waits_for_a_reason",
            ),
        ),
    ]
