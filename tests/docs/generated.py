"""The generated pages, without writing them."""

from __future__ import annotations

import re
import runpy
from typing import Any

from .pages import DOCS


def generator() -> dict[str, Any]:
    """What ``docs/generate.py`` defines."""
    return runpy.run_path(str(DOCS / "generate.py"))


def metrics_page() -> str:
    """The page of all figures."""
    page: str = generator()["metrics"]()
    return page


def metric_names() -> set[str]:
    """The names on that page."""
    return set(re.findall(r"^``(\w+)`` \(", metrics_page(), re.M))
