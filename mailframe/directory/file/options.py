"""What can be configured of a directory in text files."""

from __future__ import annotations

from typing import Literal

import attrs

from mailframe.config.types import Duration, FilePath, option


@attrs.frozen(kw_only=True)
class FileDirectoryOptions:
    """The directory in text files, read whole into memory and read again when they change."""

    accounts: FilePath | None = option("The file with accounts.", None)
    format: Literal["passwd", "json"] = option(
        "What that is: `passwd` (Dovecot's passwd-file, `user:{SCHEME}hash:...`) or `json` (a line of JSON for each "
        "entry of any kind, as `mailframe directory export --secrets` writes them).",
        "passwd",
    )
    aliases: FilePath | None = option(
        "A file with aliases, as Postfix's virtual alias maps: `address target, target`, `@domain target` for a "
        "catch-all, `@domain @other` for an alias domain.",
        None,
    )
    domains: tuple[str, ...] = option(
        "Local domains besides those of the accounts and aliases in the files.", ()
    )
    default_domain: str = option("The domain of names that are written without one.", "")
    check_every: Duration = option("How often the files are looked at.", Duration(1.0), minimum=0.1)
