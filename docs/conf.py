"""Sphinx configuration; `make docs` builds with warnings as errors."""

import subprocess
import sys
from pathlib import Path

from mailframe import __version__

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "Mailframe"
author = "The Mailframe authors"
project_copyright = "2026, The Mailframe authors"
version = release = __version__
extensions = ["pydoctor.sphinx_ext.build_apidocs"]
html_theme = "furo"
html_title = "Mailframe"
exclude_patterns = ["_build", "api"]
nitpicky = False

pydoctor_args = [
    f"--project-base-dir={ROOT}",
    "--project-name=Mailframe",
    f"--project-version={version}",
    "--docformat=google",
    "--quiet",
    "--quiet",
    "--intersphinx-cache-max-age=0s",
    "--html-output={outdir}/api",
    str(ROOT / "mailframe"),
]


def _write_option_reference() -> None:
    """The page of all options comes from the schemas themselves, so that it cannot be out of date."""
    text = subprocess.run(
        [sys.executable, "-m", "mailframe.config.reference"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    page = DOCS / "options.rst"
    if not page.exists() or page.read_text() != text:
        page.write_text(text)


_write_option_reference()
