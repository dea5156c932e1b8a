"""A TCP proxy that drops a connection at a COMMIT, before or after the server's answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

COMMIT = b"COMMIT"


class DroppingProxy:
    """Forward connections to a port of this machine; drop those that the test asks for.

    Args:
        port: where to forward to.

    Attributes:
        port: where to connect to.
        drop: whether the next COMMIT is dropped: before the server gets it, or when it has answered
            it and the client has not got the answer. It is None again afterwards.
        on_drop: is called at the drop, after the server's answer.
        dropped: number of connections dropped.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.drop: Literal["before", "after"] | None = None
        self.on_drop: Callable[[], None] | None = None
        self.dropped = 0
        self._committed = threading.Event()  # the server has answered a COMMIT that is dropped
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            client.close()
            return
        answers = threading.Event()  # set: the server's answers reach the client
        answers.set()
        threading.Thread(target=self._answer, args=(server, client, answers), daemon=True).start()
        try:
            while sent := client.recv(65536):
                if COMMIT in sent and self.drop is not None:
                    where, self.drop = self.drop, None
                    self.dropped += 1
                    if where == "after":
                        answers.clear()
                        server.sendall(sent)
                        assert self._committed.wait(10), "the server did not answer a COMMIT"
                        self._committed.clear()
                    if self.on_drop is not None:
                        self.on_drop()
                    return
                server.sendall(sent)
        except OSError:
            return
        finally:
            for each in (client, server):
                _shut(each)

    def _answer(
        self, server: socket.socket, client: socket.socket, answers: threading.Event
    ) -> None:
        try:
            while got := server.recv(65536):
                if not answers.is_set():
                    self._committed.set()
                    return
                client.sendall(got)
        except OSError:
            return
        finally:
            _shut(client)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):  # it is shut
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def proxy_to(port: int) -> Iterator[DroppingProxy]:
    """Run a proxy to a port while the block runs."""
    proxy = DroppingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
