"""Checks the hashes that would hold the interpreter in another process.

Most schemes are computed by libraries that let other threads run meanwhile. SHA-crypt is computed here, round by
round: in a thread of ours a hash with 656,000 rounds, which some programs make by default, slowed the reactor down
for a third of a second, to half its speed. A process of our own beside takes 0.1 ms more to ask and disturbs nobody.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from typing import IO, Any

from .passwords import BadHash, verify

ROUNDS_HERE = 10_000
"""SHA-crypt up to so many rounds is checked in our own threads: 5 ms."""
_ROUNDS = re.compile(r"^(?:\{[^}]*\})?\$[56]\$rounds=(\d{1,9})\$")


def holds_interpreter(stored: str) -> bool:
    """Would checking this hash take long, and let nothing else run?"""
    found = _ROUNDS.match(stored)
    return found is not None and int(found[1]) > ROUNDS_HERE


class OutsideVerifier:
    """`mailframe.directory.passwords.verify`, partly in processes: one for each thread that needs one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def verify(self, password: bytes, stored: str) -> bool:
        """Is this the password? Blocks; called in any thread.

        Raises:
            UnknownScheme, BadHash: as `mailframe.directory.passwords.verify`.
            OSError: the other process does not work.
        """
        if not holds_interpreter(stored):
            return verify(password, stored)
        helper = self._take()
        try:
            answer = _ask(helper, password, stored)
        except BaseException:
            _end(helper)
            raise
        self._give_back(helper)
        if answer is None:
            raise BadHash("a password hash cannot be read")
        return answer

    def stop(self) -> None:
        """End the processes; one that is at work ends when it is done."""
        with self._lock:
            self._stopped = True
            idle, self._idle = self._idle, []
        for helper in idle:
            _end(helper)

    def start(self) -> None:
        """Processes may be kept from now on; they are made when they are needed."""
        self._stopped = False

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._idle:
                helper = self._idle.pop()
                if helper.poll() is None:
                    return helper
                _end(helper)
        # Nothing of it comes from outside: the program is this one.
        command = [sys.executable, "-m", "mailframe.directory.outside"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603

    def _give_back(self, helper: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if not self._stopped:
                self._idle.append(helper)
                return
        _end(helper)


def _ask(helper: subprocess.Popen[bytes], password: bytes, stored: str) -> bool | None:
    assert helper.stdin is not None
    assert helper.stdout is not None
    question = json.dumps([b64encode(password).decode("ascii"), stored])
    helper.stdin.write(question.encode("ascii") + b"\n")
    helper.stdin.flush()
    line = helper.stdout.readline()
    if not line.endswith(b"\n"):
        raise OSError("the process that checks passwords has ended")
    answer = json.loads(line)
    return None if answer is None else bool(answer)


def _end(helper: subprocess.Popen[bytes]) -> None:
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            pipe.close()
    # It ends by itself, but perhaps it is in the middle of a hash that nobody waits for.
    helper.kill()
    helper.wait()


def answer_all(questions: IO[bytes], answers: IO[bytes]) -> None:
    """What the other process does until nobody asks any more."""
    for line in questions:
        password, stored = json.loads(line)
        answers.write(json.dumps(_answer(b64decode(password), stored)).encode("ascii") + b"\n")
        answers.flush()


def _answer(password: bytes, stored: str) -> Any:
    try:
        return verify(password, stored)
    except ValueError:
        return None


if __name__ == "__main__":
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
