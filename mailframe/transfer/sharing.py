"""Rights on mailboxes and annotations follow an account into its image."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.store.interfaces import IMailAccount

_ENTRIES = ("/shared", "/private")


async def follow_sharing(source: IMailAccount, image: IMailAccount, names: Sequence[str]) -> None:
    """Give the image's mailboxes the rights (RFC 4314) and annotations (RFC 5464) that the account's have.

    Private annotations are those of the owner and of everybody who has rights under the own name.

    Args:
        names: of the mailboxes; both have them.
    """
    for name in names:
        await _follow_rights(source, image, name)
    users = ("", *sorted(await source.identifiers()))
    for place in (None, *names):
        for user in users:
            await _follow_annotations(source, image, place, user)


async def _follow_rights(source: IMailAccount, image: IMailAccount, name: str) -> None:
    wanted = {entry.identifier: entry.rights for entry in await source.access(name)}
    here = {entry.identifier: entry.rights for entry in await image.access(name)}
    for identifier in sorted(wanted.keys() | here.keys()):
        if wanted.get(identifier) != here.get(identifier):
            await image.set_access(name, identifier, wanted.get(identifier))


async def _follow_annotations(source: IMailAccount, image: IMailAccount, name: str | None, user: str) -> None:
    wanted = await source.metadata(name, _ENTRIES, -1, user)
    here = await image.metadata(name, _ENTRIES, -1, user)
    changes = {
        entry: wanted.get(entry)
        for entry in sorted(wanted.keys() | here.keys())
        if wanted.get(entry) != here.get(entry)
    }
    if changes:
        await image.set_metadata(name, changes, user)
