"""The next host of a router: takes mail in threads of the test's own process, and remembers what came when."""

from __future__ import annotations

import socketserver
import threading
import time

from .storm import NUMBER, arrival


class Sink:
    """An SMTP server on loopback that outlives whatever is killed. It refuses everybody at ``refused.test``.

    Args:
        cut_every: of so many messages one is taken, and its connection cut before the answer; 0 for none.
        defer_every: of so many messages one is answered 451; 0 for none.

    Attributes:
        arrivals: when each copy of a message was answered 250 (or cut), by name and recipient (see `arrival`).
        cut: which of them were taken without an answer.
        port: where it listens.
    """

    def __init__(self, cut_every: int = 0, defer_every: int = 0) -> None:
        self.arrivals: dict[str, list[float]] = {}
        self.cut: set[str] = set()
        self._cut_every = cut_every
        self._defer_every = defer_every
        self._count = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def names(self) -> set[str]:
        """All that came."""
        with self._lock:
            return set(self.arrivals)

    def wait_for(self, names: set[str], seconds: float) -> set[str]:
        """Wait until all of these have come; what is missing in the end."""
        deadline = time.monotonic() + seconds
        while (missing := names - self.names()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return missing

    def repeated(self) -> dict[str, list[float]]:
        """Messages that came more than once, though each copy was answered."""
        with self._lock:
            return {
                name: times
                for name, times in self.arrivals.items()
                if len(times) > 1 and name not in self.cut
            }

    def take(self, sender: str, recipients: list[str], octets: bytes) -> bytes | None:
        """One message at its end: the answer, None to cut the connection."""
        found = NUMBER.search(octets)
        assert found is not None, octets[:200]
        name = found[1].decode()
        names = [arrival(name, one if sender else "") for one in recipients]
        with self._lock:
            self._count += 1
            if self._defer_every and self._count % self._defer_every == 0:
                return b"451 4.3.0 Later\r\n"
            for one in names:
                self.arrivals.setdefault(one, []).append(time.time())
            if self._cut_every and self._count % self._cut_every == 0:
                self.cut.update(names)
                return None
        return b"250 2.0.0 Taken\r\n"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    sink: Sink


class _Session(socketserver.StreamRequestHandler):
    """One connection, with as little of SMTP as our client needs."""

    def handle(self) -> None:
        try:
            self._dialogue()
        except OSError:
            # The other side was killed.
            pass

    def _dialogue(self) -> None:
        self.wfile.write(b"220 sink.test ready\r\n")
        sender, recipients = "", []
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"MAIL":
                sender, recipients = _path(line), []
                self.wfile.write(b"250 2.1.0 OK\r\n")
            elif verb == b"RCPT" and _path(line).endswith("@refused.test"):
                self.wfile.write(b"550 5.1.1 Nobody of that name\r\n")
            elif verb == b"RCPT":
                recipients.append(_path(line))
                self.wfile.write(b"250 2.1.5 OK\r\n")
            elif verb == b"DATA" and not recipients:
                self.wfile.write(b"554 5.5.1 No valid recipients\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 Go on\r\n")
                content = []
                for part in self.rfile:
                    if part == b".\r\n":
                        break
                    content.append(part)
                else:
                    return
                answer = self.server.sink.take(sender, recipients, b"".join(content))  # type: ignore[attr-defined]
                if answer is None:
                    return
                self.wfile.write(answer)
            elif verb == b"QUIT":
                self.wfile.write(b"221 Bye\r\n")
                return
            else:
                self.wfile.write(b"250 OK\r\n")


def _path(line: bytes) -> str:
    """What is between the angle brackets."""
    return line.partition(b"<")[2].partition(b">")[0].decode()
