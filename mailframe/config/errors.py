"""What is wrong with a configuration: values that say where, what, and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen(order=True)
class ConfigurationProblem:
    """One fault. Its text is ``FILE:LINE: [section] key: what is wrong, what is allowed``.

    Attributes:
        file: the file as it was named.
        line: the line it is on, from 1; 0 when it is about the file as a whole.
        section: ``node``, ``role.mx``; "" outside all sections.
        key: the key in that section, ``certificates[0].key``; "" when it is about the section.
        text: what is wrong and what is allowed.
    """

    file: str
    line: int
    section: str
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"[{self.section}] {self.key}".strip() if self.section else self.key
        return f"{place}: {where}: {self.text}" if where else f"{place}: {self.text}"


class ConfigurationErrors(Exception):
    """All that is wrong with a configuration.

    Attributes:
        problems: at least one, in the order of the file.
    """

    def __init__(self, problems: Sequence[ConfigurationProblem]) -> None:
        self.problems: Sequence[ConfigurationProblem] = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
