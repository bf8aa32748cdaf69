"""The contract of `mailframe.store.interfaces` as a test suite that any backend can run.

A backend's test case says how to make a store, and inherits the tests::

    class MyStoreTests(MailStoreContract, TestCase):
        threads = True    # where the store works in threads

        async def make_store(self, describe, hints):
            store = MyStore(self.mktemp(), describe, hints)
            await store.start()
            return store

`restart_store` may be overridden too: the test against the model then stops the store in the middle of its work
and goes on with what is on the disk.
"""

from .changing import ChangesContract, FlagsContract
from .delivering import AppendContract, DeliveryContract
from .fixture import StoreFixture, describe
from .identity import IdentityContract
from .mailboxes import MailboxesContract, RenameContract
from .model import ModelContract
from .moving import CopyContract, ExpungeContract
from .quotas import QuotasContract
from .reading import ReadingContract
from .resync import ResyncContract
from .searching import SearchContract
from .sharing import SharingContract
from .taking_over import TakeOverContract
from .threads import ThreadsContract

__all__ = ["MailStoreContract", "StoreFixture", "describe"]


class MailStoreContract(
    DeliveryContract,
    AppendContract,
    MailboxesContract,
    RenameContract,
    QuotasContract,
    ReadingContract,
    FlagsContract,
    ChangesContract,
    CopyContract,
    ExpungeContract,
    IdentityContract,
    ResyncContract,
    SearchContract,
    SharingContract,
    TakeOverContract,
    ThreadsContract,
    ModelContract,
):
    """Every sentence of `IMailStore`, `IMailAccount` and `IMailbox`; mix it into a ``TestCase`` of trial."""
