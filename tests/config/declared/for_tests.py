"""Declares plugins that exist only in the tests of the configuration; see `tests.config.plugins`."""

from mailframe.registry import (
    Declaration,
    IAuthenticatorFactory,
    IDeliveryFactory,
    IDirectoryFactory,
    IFilterFactory,
    IMailStoreFactory,
    IPolicyFactory,
    IRoleFactory,
    ISpoolFactory,
)


def _declare(kind, name, schema):
    return Declaration(
        kind,
        name=name,
        summary=f"The {name} of the tests",
        schema=f"tests.config.plugins.{schema}",
        implementation="tests.config.plugins.build",
    )


mx = _declare(IRoleFactory, "mx", "MXOptions")
relay = _declare(IRoleFactory, "relay", "NoOptions")
store = _declare(IRoleFactory, "store", "StoreOptions")
maildir = _declare(IMailStoreFactory, "maildir", "MaildirOptions")
away = Declaration(
    IMailStoreFactory,
    name="away",
    summary="Needs a library that nobody has",
    schema="tests.config.needs_library.Options",
    implementation="tests.config.needs_library.build",
    install="mailframe[away]",
)
sqlite = _declare(IDirectoryFactory, "sqlite", "SQLiteOptions")
password = _declare(IAuthenticatorFactory, "password", "NoOptions")
loops = _declare(IPolicyFactory, "loops", "LoopOptions")
token = _declare(IPolicyFactory, "token", "TokenOptions")
broken = _declare(IPolicyFactory, "broken", "BrokenOptions")
trace = _declare(IFilterFactory, "trace", "NoOptions")
smarthost = _declare(IDeliveryFactory, "smarthost", "SmarthostOptions")
remote = _declare(IDeliveryFactory, "remote", "NoOptions")
to_store = _declare(IDeliveryFactory, "store", "NoOptions")
spool = _declare(ISpoolFactory, "sqlite", "NoOptions")
