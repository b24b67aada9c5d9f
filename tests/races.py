"""Races are proved by holding the first transaction open while a rival runs on another connection."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet

PATIENCE = 15
MOMENT = 0.4


class Rival:
    """An action in its own thread, and so on its own connection. Start it while the first one is open."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._result: object = None
        self._error: BaseException | None = None
        self._pid = 0
        self._is_connected = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_connected.wait(PATIENCE), "the rival got no connection"

    def _run(self) -> None:
        try:
            connection.ensure_connection()
            if connection.vendor == "postgresql":
                self._pid = connection.connection.info.backend_pid
            self._is_connected.set()
            self._result = self._action()
        except BaseException as error:  # raised again in `result`
            self._error = error
        finally:
            self._is_connected.set()
            connections.close_all()

    def settle(self) -> bool:
        """Wait until it either waits for a lock or is done; return whether it waits."""
        if connection.vendor == "sqlite":
            self._thread.join(
                MOMENT
            )  # SQLite shows no locks: a rival that isn't done waits in BEGIN IMMEDIATE
            return self._thread.is_alive()
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            if _is_blocked(self._pid):
                return True
            time.sleep(0.01)
        assert not self._thread.is_alive(), "the rival neither waits for a lock nor is it done"
        return False

    def assert_waits(self) -> None:
        """Fail unless it is waiting for a lock now."""
        assert self.settle(), f"the rival didn't wait: {self._error or self._result!r}"

    def result(self) -> object:
        """What its action returned or raised, once it is done."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the rival isn't done"
        if self._error:
            raise self._error
        return self._result


def _is_blocked(pid: int) -> bool:
    """Whether a PostgreSQL session is waiting for another one's lock."""
    with connection.cursor() as cursor:
        # Within a transaction, pg_stat_activity shows a snapshot until that is cleared.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", [pid])
        row = cursor.fetchone()
    return row == ("Lock",)


@contextmanager
def first_open(first: Callable[[], object]) -> Iterator[None]:
    """Run `first` on this thread's connection, and keep its transaction open for the block; then commit."""
    with transaction.atomic(durable=True):
        first()
        yield


def race(first: Callable[[], object], rival: Callable[[], object]) -> object:
    """Run a rival while the first transaction is open; return or raise the rival's result."""
    with first_open(first):
        second = Rival(rival)
        second.assert_waits()
    return second.result()


def without_locks(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a race's control, which must break: its rows are read as before, but not locked."""
    return pytest.mark.postgres(pytest.mark.usefixtures("no_locks")(test))


def take_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read rows as before, but without locking them."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **options: self.all())
