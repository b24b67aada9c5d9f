from django.db import migrations


class Migration(migrations.Migration):
    """A part that an RMA case moved is found by its licence: nothing asks any more when counts were moved."""

    dependencies = [
        ("products", "0012_attempt_at_subject"),
    ]

    operations = [
        migrations.RemoveField(model_name="unit", name="counts_moved_at"),
    ]
