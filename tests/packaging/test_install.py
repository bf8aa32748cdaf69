"""Wheel, sdist and editable install, each into an environment of its own, as a newcomer would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from twisted.trial.unittest import TestCase

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "_trial_temp*", "*.egg-info", "build", "dist", "run", "__pycache__", ".*_cache", "docs"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the source tree; its output, or a failure that shows it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


class InstallTests(TestCase):
    """What ``pip install`` brings is complete."""

    timeout = 300

    def setUp(self) -> None:
        """A copy of the source: building must not write into the tree that others work in."""
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir(parents=True)
        self.source = self.base / "source"
        shutil.copytree(ROOT, self.source, ignore=LEFT_OUT)

    def environment(self, name: str) -> Path:
        """A fresh environment that has the dependencies (a path entry, so that no editable install counts)."""
        place = self.base / name
        venv.create(place, with_pip=False, symlinks=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = place / "lib" / version / "site-packages"
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return place

    def install(self, place: Path, *what: str | Path) -> None:
        """Install without dependencies and without asking a package index."""
        run(
            sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet",
            "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed",
            *what, cwd=self.base,
        )  # fmt: skip

    def assert_complete(self, place: Path) -> None:
        """``twistd`` knows the service, the command runs, and data files came along."""
        python = place / "bin" / "python"
        where = run(python, "-c", "import mailframe; print(mailframe.__file__)", cwd=self.base).strip()
        twistd = (python, "-c", "from twisted.scripts.twistd import run; run()")
        self.assertIn("mailframe", run(*twistd, "--help", cwd=self.base))
        self.assertIn("--role", run(*twistd, "mailframe", "--help", cwd=self.base))
        self.assertIn("Usage", run(place / "bin" / "mailframe", "--help", cwd=self.base))
        package = Path(where).parent
        self.assertTrue((package / "py.typed").exists())
        self.assertTrue(list(package.glob("directory/migrations/*.sql")), "no .sql files were installed")
        for stray in ("tests", "docs", "benchmarks", "examples"):
            self.assertFalse((package.parent / stray).exists() and package.parent != self.source, stray)

    def test_wheel(self) -> None:
        """A wheel installs a complete ``twistd mailframe``."""
        run(
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "-o",
            self.base / "dist",
            cwd=self.source,
        )
        place = self.environment("wheel")
        self.install(place, *(self.base / "dist").glob("*.whl"))
        self.assert_complete(place)

    def test_sdist(self) -> None:
        """A source distribution installs a complete ``twistd mailframe``."""
        run(
            sys.executable,
            "-m",
            "build",
            "--sdist",
            "--no-isolation",
            "-o",
            self.base / "dist",
            cwd=self.source,
        )
        place = self.environment("sdist")
        self.install(place, *(self.base / "dist").glob("*.tar.gz"))
        self.assert_complete(place)

    def test_editable(self) -> None:
        """An editable install knows ``twistd mailframe`` too."""
        place = self.environment("editable")
        self.install(place, "--editable", self.source)
        self.assert_complete(place)
