"""How many random examples a test tries."""

from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def examples(number: int) -> int:
    """All of them on PostgreSQL. On SQLite, which runs the same Python, two show that its SQL does too."""
    return number if connection.vendor == "postgresql" else 2


def run_histories(machine: type[RuleBasedStateMachine], number: int, *, steps: int) -> None:
    """Try so many random histories, each of so many steps."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(number),
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.generate],  # so few steps can be read, and shrinking takes minutes
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
