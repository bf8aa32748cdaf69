"""Sphinx configuration; `make docs` builds with warnings as errors."""

import sys
from pathlib import Path
from typing import Any

from mailframe import __version__

sys.path.insert(0, str(Path(__file__).parent))

import generate

project = "Mailframe"
author = "The Mailframe authors"
project_copyright = "2026, The Mailframe authors"
version = release = __version__
html_theme = "furo"
html_title = "Mailframe"
exclude_patterns = ["_build"]
nitpicky = False

generate.pages()


def _write_api(app: Any, error: Exception | None) -> None:
    from sphinx.util import logging

    if error is None and app.builder.name == "html":
        for fault in generate.api(Path(app.outdir) / "api"):
            logging.getLogger(__name__).warning("%s", fault)


def setup(app: Any) -> None:
    """The API's pages come last: they stand beside Sphinx's own."""
    app.connect("build-finished", _write_api)
