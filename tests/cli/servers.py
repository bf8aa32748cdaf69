"""Small servers in threads, for commands that block: a control socket, and one conversation of SMTP or IMAP."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

TIMEOUT = 20.0


class StartTLS(Exception):
    """Raised by a conversation that goes on under TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.context = context


class Server:
    """Answers one connection after another until it is stopped.

    Args:
        listening: a bound socket; closed by `stop`.
        talk: has one conversation.
        context: TLS from the first octet.
    """

    def __init__(
        self,
        listening: socket.socket,
        talk: Callable[[BinaryIO], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._listening = listening
        self._talk = talk
        self._context = context
        listening.listen()
        listening.settimeout(TIMEOUT)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self._listening.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.settimeout(TIMEOUT)
            try:
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                self._converse(connection)
            except OSError:
                pass

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rwb", buffering=0) as file:
                self._talk(file)
        except StartTLS as upgrade:
            self._converse(upgrade.context.wrap_socket(connection, server_side=True))
        finally:
            connection.close()

    def stop(self) -> None:
        """Accept no more; wait for the thread."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(TIMEOUT)


def tcp() -> socket.socket:
    """A socket on a free port of loopback."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def control(path: str, answers: Mapping[str, Mapping[str, Any]]) -> Server:
    """A node's control socket that knows these answers by command."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)

    def talk(file: BinaryIO) -> None:
        question = json.loads(file.readline())
        file.write(json.dumps(answers[question["command"]]).encode() + b"\n")

    return Server(listening, talk)


class SMTP:
    """Takes mail for everybody but ``nobody@``; keeps what it was told.

    Args:
        context: for STARTTLS, which is then offered.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self._context = context

    def talk(self, file: BinaryIO) -> None:
        """One session."""
        greeted = False
        if not self.commands or self.commands[-1].upper() != "STARTTLS":
            file.write(b"220 test\r\n")
        while line := file.readline():
            command = line.decode().strip()
            self.commands.append(command)
            verb = command.split()[0].upper()
            if verb == "DATA":
                self._data(file)
            elif verb == "EHLO":
                greeted = True
                offer = b"250-STARTTLS\r\n" if self._context else b""
                file.write(b"250-test\r\n%s250-AUTH PLAIN\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n" % offer)
            elif verb == "STARTTLS" and self._context is not None:
                file.write(b"220 2.0.0 go\r\n")
                raise StartTLS(self._context)
            elif not greeted:
                file.write(b"503 5.5.1 Say who you are first\r\n")
            elif "nobody@" in command:
                file.write(b"550 5.1.1 No such mailbox here\r\n")
            elif verb == "AUTH":
                file.write(b"535 5.7.8 wrong\r\n" if _is_wrong(command) else b"235 2.7.0 welcome\r\n")
            elif verb == "QUIT":
                file.write(b"221 2.0.0 bye\r\n")
                return
            else:
                file.write(b"250 2.0.0 OK\r\n")

    def _data(self, file: BinaryIO) -> None:
        file.write(b"354 go\r\n")
        lines = []
        while (line := file.readline()) != b".\r\n":
            lines.append(line)
        self.messages.append(b"".join(lines))
        file.write(b"250 2.0.0 kept as 0123456789ABCDEF\r\n")


def _is_wrong(command: str) -> bool:
    """Is the password of this AUTH PLAIN ``wrong``?"""
    return base64.b64decode(command.split()[2]).endswith(b"\0wrong")


class IMAP:
    """One mailbox with these messages; the password is ``pässword``."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = messages

    def talk(self, file: BinaryIO) -> None:
        """One session."""
        file.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] test\r\n")
        while line := file.readline():
            tag, _, command = line.decode().strip().partition(" ")
            status = self._answer(file, command)
            file.write(f"{tag} {status}\r\n".encode())
            if command == "LOGOUT":
                return

    def _answer(self, file: BinaryIO, command: str) -> str:
        verb = command.split()[0]
        if verb == "CAPABILITY":
            file.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
        elif verb == "AUTHENTICATE":
            file.write(b"+ \r\n")
            response = base64.b64decode(file.readline()).decode()
            return (
                "OK welcome"
                if response.endswith("\0pässword")
                else "NO [AUTHENTICATIONFAILED] wrong password"
            )
        elif verb == "EXAMINE":
            if '"INBOX"' not in command:
                return "NO [NONEXISTENT] No such mailbox"
            file.write(f"* {len(self.messages)} EXISTS\r\n".encode())
        elif verb == "FETCH":
            self._fetch(file, command)
        return "OK done"

    def _fetch(self, file: BinaryIO, command: str) -> None:
        numbers = [int(number) for number in command.split()[1].split(":")]
        for number in range(numbers[0], numbers[-1] + 1):
            message = self.messages[number - 1]
            facts = b""
            if "HEADER.FIELDS" in command:
                facts = b"UID %d FLAGS (\\Seen) RFC822.SIZE %d " % (number + 100, len(message))
                message = message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            file.write(b"* %d FETCH (%sBODY[] {%d}\r\n%s)\r\n" % (number, facts, len(message), message))
