"""Builds what lets masters in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.directory.master_options import MasterOptions
from mailframe.directory.masters import Master, MasterLogins
from mailframe.message.networks import Networks
from mailframe.registry import PluginUnavailable


def with_masters(
    authenticator: IAuthenticator, directory: IDirectory, masters: Sequence[MasterOptions], clock: Any
) -> IAuthenticator:
    """An authenticator that knows these masters besides; the same where there are none.

    Raises:
        PluginUnavailable: one cannot be as it is written.
    """
    if not masters:
        return authenticator
    known = {one.name: _master(one) for one in masters}
    if len(known) < len(masters):
        raise PluginUnavailable("[[masters]]: a name is there twice")
    return MasterLogins(authenticator, directory, list(known.values()), clock.seconds)


def _master(options: MasterOptions) -> Master:
    if not (options.password or options.certificate):
        raise PluginUnavailable(f'[[masters]] "{options.name}": it needs a password, or certificate = true')
    return Master(options.name, Networks(options.networks), options.password or "", options.certificate)
