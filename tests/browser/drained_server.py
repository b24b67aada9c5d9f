"""The tests' server, which tells when nobody is being answered any more."""

import socket
import threading

from django.core.servers.basehttp import ThreadedWSGIServer

PATIENCE = 30.0
"""Seconds for the answers to pages that are closed already."""


class DrainedServer(ThreadedWSGIServer):
    """A page that loads something when its test ends leaves a view at work, with locks on its tables.

    Emptying the database would meet those locks in another order, which PostgreSQL ends as a deadlock.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._connected = 0
        self._changed = threading.Condition()
        super().__init__(*args, **kwargs)

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        with self._changed:
            self._connected += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._connected -= 1
                self._changed.notify_all()

    def drain(self) -> None:
        """Wait until every connection that a closed page had is at its end."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._connected, PATIENCE):
                raise TimeoutError(f"{self._connected} connections are still open.")
