"""What is in the database, so that a refusal can be shown to have left every row as it was."""

from django.apps import apps


def every_row() -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table that has a model."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models()
    }
