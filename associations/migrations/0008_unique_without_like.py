from django.db import migrations, models


class Migration(migrations.Migration):
    """Unique as before, without a second index for patterns that nobody searches by."""

    dependencies = [
        ("associations", "0007_prefix_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="associationtype",
            name="slug",
            field=models.SlugField(db_index=False, max_length=30),
        ),
        migrations.AddConstraint(
            model_name="associationtype",
            constraint=models.UniqueConstraint(fields=("slug",), name="associationtype_slug_once"),
        ),
    ]
