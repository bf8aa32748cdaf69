"""Rights on mailboxes, annotations and limits of the owner's own follow an account into its image."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar

from mailframe.store.interfaces import IMailAccount
from mailframe.store.quota import Limit
from mailframe.store.sharing.rights import Rights

Name = str | None
"""A mailbox, or None for the account."""
T = TypeVar("T")

_ENTRIES = ("/shared", "/private")


async def follow_sharing(source: IMailAccount, image: IMailAccount, names: Sequence[str]) -> None:
    """Give the image's mailboxes the rights (RFC 4314) and annotations (RFC 5464) that the account's have.

    And the limits that the owner has set (RFC 9208), which are within the administrator's as they are here or there.
    Private annotations are those of the owner and of everybody who has rights under the own name.

    Args:
        names: of the mailboxes; both have them.
    """
    for name in names:
        for identifier, rights in (await _rights_to_set(source, image, name)).items():
            await image.set_access(name, identifier, rights)
    async for place, user, values in _annotations_to_set(source, image, names):
        await image.set_metadata(place, values, user)
    for name, own in (await _quotas_to_set(source, image)).items():
        await image.set_quota(name, own or Limit())


async def compare_sharing(
    source: IMailAccount, image: IMailAccount, names: Sequence[str]
) -> AsyncIterator[str]:
    """What `follow_sharing` would have to do, in words."""
    for name in names:
        for identifier in await _rights_to_set(source, image, name):
            yield f"{name}: {identifier} has other rights"
    async for place, user, values in _annotations_to_set(source, image, names):
        for entry in values:
            whose = f" of {user}" if user else ""
            yield f"{place or 'the account'}: the annotation {entry}{whose} is another"
    for name in await _quotas_to_set(source, image):
        yield f"{name or 'the account'}: the owner's own limits are others"


async def _quotas_to_set(source: IMailAccount, image: IMailAccount) -> dict[str, Limit | None]:
    wanted = {root.name: root.own for root in await source.quotas() if root.own}
    here = {root.name: root.own for root in await image.quotas() if root.own}
    return _to_set(wanted, here)


async def _rights_to_set(source: IMailAccount, image: IMailAccount, name: str) -> dict[str, Rights | None]:
    wanted = {entry.identifier: entry.rights for entry in await source.access(name)}
    here = {entry.identifier: entry.rights for entry in await image.access(name)}
    return _to_set(wanted, here)


async def _annotations_to_set(
    source: IMailAccount, image: IMailAccount, names: Sequence[str]
) -> AsyncIterator[tuple[Name, str, dict[str, bytes | None]]]:
    users = ("", *sorted(await source.identifiers()))
    for place in (None, *names):
        for user in users:
            wanted = await source.metadata(place, _ENTRIES, -1, user)
            values = _to_set(wanted, await image.metadata(place, _ENTRIES, -1, user))
            if values:
                yield place, user, values


def _to_set(wanted: Mapping[str, T], here: Mapping[str, T]) -> dict[str, T | None]:
    """What has to be set so that it is as it is wanted; None: to be taken away."""
    return {
        name: wanted.get(name)
        for name in sorted(wanted.keys() | here.keys())
        if wanted.get(name) != here.get(name)
    }
