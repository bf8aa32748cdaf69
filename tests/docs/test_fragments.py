"""The news fragments, of which the changelog is made."""

from __future__ import annotations

import re
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from .pages import ROOT

NAME = re.compile(r"(?P<issue>\d+)\.(?P<type>\w+)(\.(?P<number>\d+))?\.rst")


class FragmentTests(SynchronousTestCase):
    """``newsfragments/<issue>.<type>.rst``, or with a number before the end."""

    def test_names(self) -> None:
        """towncrier knows each by its name; words in the place of the number would make two of them one."""
        settings = tomllib.loads((ROOT / "towncrier.toml").read_text())["tool"]["towncrier"]
        types = {kind["directory"] for kind in settings["type"]}
        for path in (ROOT / settings["directory"]).iterdir():
            name = NAME.fullmatch(path.name)
            known = name is not None and name["type"] in types
            self.assertTrue(known or path.name == ".gitignore", f"{path.name}: see CONTRIBUTING.rst")

    def test_words(self) -> None:
        """Each says something, in lines that fit the page."""
        for path in (ROOT / "newsfragments").glob("*.rst"):
            lines = path.read_text().splitlines()
            self.assertTrue(lines and lines[0].strip(), path.name)
            self.assertLessEqual(max(map(len, lines)), 140, path.name)
