"""What the pages say by name is there: modules, options, figures; and their snippets load."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.app import mailframe
from mailframe.config.loading import load
from mailframe.tls.development import make_certificate

from .generated import generator, metric_names
from .pages import DOCS, PAGES, ROOT, blocks

SOURCES = [*PAGES, ROOT / "README.rst", ROOT / "CONTRIBUTING.rst", ROOT / "SECURITY.md"]
_MODULE = re.compile(r"\b((?:\w+/)+\w+\.py|tests/\w+(?:/\w+)*)\b")
_METRIC = re.compile(r"``(mailframe_\w+?)(\*?)``")


class NameTests(SynchronousTestCase):
    """A name in the documentation is a name in the code."""

    def test_modules(self) -> None:
        """Each file that a page names is there."""
        for page in SOURCES:
            for name in _MODULE.findall(page.read_text()):
                places = (ROOT, ROOT / "mailframe", ROOT / "examples" / "plugin")
                there = any((place / name).exists() for place in places)
                self.assertTrue(there, f"{page.name}: {name}")

    def test_metrics(self) -> None:
        """Each figure that a page names is counted."""
        names = metric_names()
        for page in SOURCES:
            for name, star in _METRIC.findall(page.read_text()):
                known = any(one.startswith(name) for one in names) if star else name in names
                self.assertTrue(known, f"{page.name}: {name}{star}")

    def test_documents(self) -> None:
        """Each page that is referred to is there, and each is in the table of contents."""
        index = (DOCS / "index.rst").read_text()
        generated = {"options", "commands", "metrics"}
        for page in SOURCES:
            for name in re.findall(r":doc:`(?:[^`<]*<)?([\w-]+)>?`", page.read_text()):
                self.assertTrue(name in generated or (DOCS / f"{name}.rst").exists(), f"{page.name}: {name}")
        for page in PAGES:
            self.assertTrue(page.name == "index.rst" or f"   {page.stem}\n" in index, page.name)

    def test_dependencies(self) -> None:
        """The page of dependencies has every one of ``setup.cfg``."""
        text = (DOCS / "dependencies.rst").read_text()
        setup = (ROOT / "setup.cfg").read_text()
        options = setup[setup.index("install_requires") : setup.index("[options.packages.find]")]
        for name in re.findall(r"^    ([a-z][\w.-]*)", options, re.M):
            self.assertIn(f"``{name}", text)

    def test_generated_pages(self) -> None:
        """The generated pages have every command, every section and every room that counts."""
        made = generator()
        self.assertIn("``mailframe account add``", made["_commands"]())
        self.assertIn("[role.store]", made["_options"]())
        for room in ("smtp", "imap", "pop3", "store", "directory"):
            self.assertTrue([name for name in metric_names() if name.startswith(f"mailframe_{room}_")], room)


class SnippetTests(SynchronousTestCase):
    """Configurations in the documentation are right, or wrong in the way that is shown."""

    def setUp(self) -> None:
        """A directory with a certificate."""
        self.place = Path(self.mktemp()).absolute()
        make_certificate(str(self.place / "tls"), ["mail.example.test"])
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.place)

    def test_right(self) -> None:
        """Each TOML snippet that is not meant to be wrong loads."""
        found = [
            block.text for page in PAGES for block in blocks(page)
            if block.language == "toml" and block.classes != "wrong"
        ]  # fmt: skip
        self.assertTrue(found)
        for text in found:
            Path("mailframe.toml").write_text(text)
            load("mailframe.toml")
            self.assertTrue(tomllib.loads(text))

    def test_wrong(self) -> None:
        """What is told of the wrong configuration is what the page shows."""
        page = blocks(DOCS / "configuration.rst")
        (wrong,) = [block.text for block in page if block.classes == "wrong"]
        (told,) = [block.text for block in page if block.classes == "told"]
        Path("mailframe.toml").write_text(wrong)
        command, _, expected = told.partition("\n")
        result = CliRunner().invoke(mailframe, command.removeprefix("$ mailframe ").split())
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(result.output.rstrip("\n"), expected)
