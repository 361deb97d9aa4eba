"""Checks of what stands between a client and a server: both hear the other, and what the server said is kept."""

import socket
import threading
import unittest

from relay import Relay
from wire import NOOP, RESPONSE, Connection, Frame, ProtocolError


class Echo:
    """Answers every request with its own value, until the client goes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        for _ in range(2):
            sock, _ = self.listener.accept()
            with sock:
                connection = Connection(sock)
                try:
                    while True:
                        asked = connection.receive()
                        connection.send(Frame(RESPONSE, asked.opcode, opaque=asked.opaque, value=asked.value))
                except ProtocolError:
                    pass
        self.listener.close()


class Relayed(unittest.TestCase):
    def test_everything_is_passed_on_and_answers_are_kept(self):
        echo = Echo()
        wanted = []
        with Relay(echo.address) as relay:
            for n in range(2):
                client = Connection.open(relay.address)
                for size in (0, 1, 100_000):
                    value = bytes([n]) * size
                    wanted.append(value)
                    self.assertEqual(client.call(NOOP, value=value).value, value)
                client.close()
        echo.thread.join(30)
        self.assertEqual([frame.value for frame in relay.frames()], wanted)
        self.assertTrue(all(frame.magic == RESPONSE for frame in relay.frames()))


if __name__ == "__main__":
    unittest.main()
