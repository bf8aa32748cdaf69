"""What the exit code of a program means for mail: the convention of ``sysexits.h``.

Permanent is only what a program says on purpose. A program that cannot be found, is killed, crashes, or ends with a
code that means nothing here is broken, and its mail is kept until somebody repairs it.
"""

from __future__ import annotations

from typing import Final

from mailframe.message.status import Status

TAKEN: Final = Status((2, 0, 0), "The program took the message")
WORDS_LIMIT: Final = 300
"""Characters of what a program said that go into a status."""
_MEANINGS: Final = {
    65: ((5, 6, 0), "the message is not as it should be"),  # EX_DATAERR
    67: ((5, 1, 1), "there is no such recipient"),  # EX_NOUSER
    68: ((5, 1, 2), "there is no such domain"),  # EX_NOHOST
    69: ((5, 3, 0), "it does not take this message"),  # EX_UNAVAILABLE
    76: ((5, 5, 0), "a rule of the protocol was broken"),  # EX_PROTOCOL
    77: ((5, 7, 0), "this is not allowed"),  # EX_NOPERM
    71: ((4, 3, 0), "the system failed"),  # EX_OSERR
    73: ((4, 3, 0), "a file cannot be made"),  # EX_CANTCREAT
    74: ((4, 3, 0), "reading or writing failed"),  # EX_IOERR
    75: ((4, 3, 0), "try again later"),  # EX_TEMPFAIL
}


def status_of_exit(code: int | None, said: str = "") -> Status:
    """The outcome of a run.

    Args:
        code: the exit code, None where a signal ended it.
        said: what it said, for the text of a failure.
    """
    if code == 0:
        return TAKEN
    enhanced, meaning = _MEANINGS.get(code or 0, ((4, 3, 0), "it is broken"))
    words = "".join(
        [char if char.isascii() and char.isprintable() else "?" for char in " ".join(said.split())]
    )
    text = f"The program that takes this mail failed: {meaning}"
    return Status(enhanced, f"{text}; it said: {words[:WORDS_LIMIT]}" if words else text)
