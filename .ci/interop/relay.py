"""Stands between clients and a server, for clients that do not hand out all that they are sent."""

from __future__ import annotations

import contextlib
import socket
import threading

from wire import Frame, decode


class Relay:
    """Passes on what each side says, unchanged and at once, and keeps what the server said."""

    def __init__(self, server: str):
        host, _, port = server.rpartition(":")
        self.server = (host.strip("[]"), int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        # What the server said, for each connection in the order in which they were made.
        self.said: list[bytearray] = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def frames(self) -> list[Frame]:
        """Every whole frame that the server has sent, one connection after the other."""
        frames = []
        for said in self.said:
            data, at = memoryview(bytes(said)), 0
            while found := decode(data[at:]):
                frames.append(found[0])
                at += found[1]
        return frames

    def close(self) -> None:
        """Takes no more clients, and waits until those that there are have gone."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.said.append(bytearray())
            thread = threading.Thread(target=self._serve, args=(client, self.said[-1]), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, said: bytearray) -> None:
        with client, socket.create_connection(self.server) as server:
            back = threading.Thread(target=pass_on, args=(server, client, said), daemon=True)
            back.start()
            pass_on(client, server, bytearray())
            back.join()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def pass_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    """Until either side has gone; then the other goes too."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            kept += data
            sink.sendall(data)
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
