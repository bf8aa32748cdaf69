"""A store against a model: hypothesis makes up the work of several sessions, and both must agree at every step.

The model is `mailframe.store.memory`. UIDs and modseqs of the two may differ, so messages are named by their place
in what a session sees. Each session also keeps a `MailboxView` fed by `changes`, which must always lead to what
`snapshot` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.threads import deferToThread

from mailframe.message.status import MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.store.memory import MemoryStore
from mailframe.store.quota import ACCOUNT, Limit
from mailframe.store.search_keys import All, HasFlag, Not, SearchKey, Size
from mailframe.store.values import INBOX, SYSTEM_FLAGS, Delivery, FlagChange, Flags, Item, Span
from mailframe.store.view import MailboxView

from .fixture import ALICE, StoreFixture, describe, new, numbered
from .sides import Run, Side, figures, listing_facts, run_at_once, run_in_reactor, status_facts

# Where work meets work is where faults are: most of it happens in INBOX.
NAMES = (
    st.just(INBOX)
    | st.just(INBOX)
    | st.sampled_from(["inbox", "a", "a/b", "a/b/c", "b", "inbox/x", "Sent", "ü"])
)
FLAGS = st.frozensets(
    st.sampled_from([*sorted(SYSTEM_FLAGS), "word", "WORD", "$Junk"]), min_size=1, max_size=3
)
PLACES = st.sets(st.integers(0, 7), min_size=1, max_size=5)
SOME = Item.FLAGS | Item.DATE | Item.SIZE | Item.ENVELOPE
# Most are none, or large: where nothing comes in, nothing happens.
LIMITS = [Limit(), Limit(), Limit(messages=20), Limit(messages=6), Limit(octets=1000)]
KEYS: list[SearchKey] = [
    All(),
    HasFlag("\\Seen"),
    Not(HasFlag("word")),
    Size(larger=len(numbered(1))),
    Size(smaller=len(numbered(100))),
]


class StoreMachine(RuleBasedStateMachine):
    """Does the same work in a store and in the model."""

    def __init__(self, contract: StoreFixture, run: Run) -> None:
        super().__init__()
        self.contract, self.run = contract, run
        self.hints = LocalHints()
        self.store: IMailStore = run(contract.make_store(describe, self.hints))
        self.other: IMailStore | None = run(self._second_store())
        self.model: IMailStore = MemoryStore(describe, keywords_limit=contract.keywords_limit)
        self.seen: dict[tuple[str, int], bytes] = {}
        self.number = 0
        self._log_in()
        for name in (INBOX, "Sent"):
            self.append(name, frozenset(), 5)

    def teardown(self) -> None:
        """Compare everything at last, then stop the store."""
        for session in tuple(self.sessions):
            self._sync(session)
        self._compare_all()
        for store in (self.store, self.other):
            if store is not None:
                self.run(self.contract.stop_store(store))

    # Rules: names.

    @rule(name=NAMES, use=st.sampled_from([None, None, "\\Sent", "\\All"]))
    def create(self, name: str, use: str | None) -> None:
        """CREATE."""
        self._same(lambda account: account.create(name, use), str)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        """DELETE."""
        self._same(lambda account: account.delete(name))

    @rule(name=NAMES, new_name=NAMES)
    def rename(self, name: str, new_name: str) -> None:
        """RENAME."""
        self._same(lambda account: account.rename(name, new_name))

    @rule(name=NAMES, subscribed=st.booleans())
    def subscribe(self, name: str, subscribed: bool) -> None:
        """SUBSCRIBE, UNSUBSCRIBE."""
        self._same(lambda account: account.subscribe(name, subscribed))

    @rule()
    def list_names(self) -> None:
        """LIST."""
        self._same(lambda account: account.mailboxes(), listing_facts)

    # Rules: messages come.

    @rule(name=NAMES, flags=FLAGS, count=st.integers(1, 3))
    def append(self, name: str, flags: Flags, count: int) -> None:
        """APPEND."""
        messages = [new(self._octets(), flags, 1_000_000_000 + self.number) for _ in range(count)]
        self._same(lambda account: account.append(name, messages), lambda appended: len(appended.uids))

    @rule(name=NAMES, count=st.integers(1, 3), atomic=st.booleans())
    def deliver(self, name: str, count: int, atomic: bool) -> None:
        """A delivery."""
        deliveries = [Delivery(ALICE, new(self._octets()), name) for _ in range(count)]
        answers = [self.run(store.deliver(deliveries, atomic)) for store in (self.model, self.store)]
        self._agree(answers, lambda statuses: [(status.success, status.word) for status in statuses])

    @rule(name=st.just(ACCOUNT) | NAMES, own=st.sampled_from(LIMITS))
    def set_quota(self, name: str, own: Limit) -> None:
        """SETQUOTA."""
        self._same(lambda account: account.set_quota(name, own), lambda root: root)
        self._same(lambda account: account.quotas(), list)

    # Rules: sessions.

    @precondition(lambda self: len(self.sessions) < 4)
    @rule(name=NAMES, read_only=st.sampled_from([False, False, True]))
    def open(self, name: str, read_only: bool) -> None:
        """SELECT, EXAMINE."""
        found = [self.run(account.open(name, read_only)) for account in self.accounts]
        if self._agree(found, lambda mailbox: mailbox.name):
            snapshots = [self.run(mailbox.snapshot()) for mailbox in found]
            sides = [
                Side(mailbox, MailboxView(snapshot))
                for mailbox, snapshot in zip(found, snapshots, strict=True)
            ]
            for side in sides:
                side.flags = self._flags(side)
            self.sessions.append((sides[0], sides[1]))
            self._agree(snapshots, lambda snapshot: (len(snapshot.uids), snapshot.keywords))
            self._agree(sides, figures)

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3))
    def sync(self, place: int) -> None:
        """NOOP: what the session knows must be what there is."""
        self._sync(self._session(place))

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3))
    def close(self, place: int) -> None:
        """CLOSE."""
        session = self._session(place)
        for side in session:
            side.mailbox.close()
        self.sessions.remove(session)

    @rule()
    def restart(self) -> None:
        """The store is stopped and started."""
        for account in self.accounts:
            account.close()
        self.store = self.run(self.contract.restart_store(self.store, describe, self.hints))
        self._log_in()

    @precondition(lambda self: self.other is not None)
    @rule()
    def other_process(self) -> None:
        """Another process goes on; sessions of the one before stay where they are."""
        assert self.other is not None
        self.store, self.other = self.other, self.store
        self.accounts[1] = self.run(self.store.account(ALICE))

    # Rules: work in a mailbox.

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), places=PLACES, change=st.sampled_from(FlagChange), flags=FLAGS)
    def store_flags(self, place: int, places: set[int], change: FlagChange, flags: Flags) -> None:
        """STORE."""
        self._work(
            place,
            lambda side: side.mailbox.store(side.uids(places), change, flags),
            lambda side, stored: [
                (side.view.number(message.uid), message.flags) for message in stored.messages
            ],
        )

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), places=PLACES, name=NAMES, move=st.booleans())
    def copy(self, place: int, places: set[int], name: str, move: bool) -> None:
        """COPY, MOVE."""

        def work(side: Side) -> Awaitable[Any]:
            uids = side.uids(places)
            return side.mailbox.move(uids, name) if move else side.mailbox.copy(uids, name)

        self._work(place, work, lambda side, copied: (side.places(copied.source), len(copied.target)))

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), places=PLACES)
    def remove(self, place: int, places: set[int]) -> None:
        """POP3's UPDATE."""
        self._work(place, lambda side: side.mailbox.remove(side.uids(places)), Side.places)

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), places=st.none() | PLACES)
    def expunge(self, place: int, places: set[int] | None) -> None:
        """EXPUNGE, UID EXPUNGE."""
        self._work(
            place,
            lambda side: side.mailbox.expunge(None if places is None else side.uids(places)),
            lambda side, uids: len(uids),
        )

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), places=PLACES)
    def fetch(self, place: int, places: set[int]) -> None:
        """FETCH."""
        self._work(
            place,
            lambda side: side.mailbox.fetch(side.uids(places), SOME),
            lambda side, messages: [
                (message.flags, message.internal_date, message.size, message.description.envelope)
                for message in messages
            ],
        )

    @precondition(lambda self: self.sessions)
    @rule(
        place=st.integers(0, 3),
        places=PLACES,
        offset=st.integers(0, 60),
        length=st.none() | st.integers(0, 60),
    )
    def read(self, place: int, places: set[int], offset: int, length: int | None) -> None:
        """FETCH BODY[]<partial>."""
        self._work(
            place,
            lambda side: side.mailbox.read([Span(uid, offset, length) for uid in side.uids(places)]),
            lambda side, pieces: list(pieces),
        )

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(0, 3), key=st.sampled_from(KEYS))
    def search(self, place: int, key: SearchKey) -> None:
        """SEARCH."""
        self._work(place, lambda side: side.mailbox.search(key), lambda side, result: len(result.uids))

    # The two sides.

    async def _second_store(self) -> IMailStore | None:
        return await self.contract.second_store(self.store, describe, LocalHints())

    def _log_in(self) -> None:
        self.accounts: list[IMailAccount] = [
            self.run(store.account(ALICE)) for store in (self.model, self.store)
        ]
        self.sessions: list[tuple[Side, Side]] = []
        for _ in range(2):
            self.open(INBOX, False)

    def _sync(self, session: tuple[Side, Side]) -> None:
        since = [side.view.modseq for side in session]
        answers = [
            self.run(side.mailbox.changes(modseq)) for side, modseq in zip(session, since, strict=True)
        ]
        if not self._agree(answers, lambda changes: len(changes.messages)):
            self.sessions.remove(session)
            return
        for side, changes in zip(session, answers, strict=True):
            side.view.apply(changes)
            for uid in changes.vanished:
                side.flags.pop(uid, None)
            side.flags.update((message.uid, message.flags) for message in changes.messages)
            snapshot = self.run(side.mailbox.snapshot())
            assert list(snapshot.uids) == list(side.view.uids) == sorted(side.flags)
            assert (snapshot.modseq, snapshot.uidnext) == (side.view.modseq, side.view.uidnext)
            assert self._flags(side) == side.flags
        self._agree(session, figures)
        self._look_at_uids(session[1])

    def _session(self, place: int) -> tuple[Side, Side]:
        return self.sessions[place % len(self.sessions)]

    def _flags(self, side: Side) -> dict[int, Flags]:
        messages = self.run(side.mailbox.fetch(list(side.view.uids), Item.FLAGS))
        return {message.uid: message.flags for message in messages}

    def _octets(self) -> bytes:
        self.number += 1
        return numbered(self.number)

    def _same(
        self, work: Callable[[IMailAccount], Awaitable[Any]], facts: Callable[[Any], object] | None = None
    ) -> None:
        answers = [self.run(work(account)) for account in self.accounts]
        # Ids are each store's own; that there is one is all that must agree.
        self._agree(answers, (lambda answer: None) if facts in (None, str) else facts)

    def _work(
        self,
        place: int,
        work: Callable[[Side], Awaitable[Any]],
        facts: Callable[[Side, Any], object],
    ) -> None:
        session = self._session(place)
        answers = [self.run(work(side)) for side in session]
        told = dict(zip(map(id, answers), session, strict=True))
        self._agree(answers, lambda answer: facts(told[id(answer)], answer))

    def _agree(self, answers: Any, facts: Callable[[Any], object] | None) -> bool:
        """Compare the model's answer and the store's; False when both refused."""
        model, store = answers
        if isinstance(model, MailframeError) or isinstance(store, MailframeError):
            assert isinstance(model, MailframeError), f"the model did it, the store refused: {store}"
            assert isinstance(store, MailframeError), f"the store did it, the model refused: {model}"
            assert model.status.word == store.status.word, (model.status, store.status)
            return False
        if facts is not None:
            wanted, found = facts(model), facts(store)
            assert wanted == found, f"wanted {wanted!r}, found {found!r}"
        return True

    def _look_at_uids(self, side: Side) -> None:
        """A UID names the same message for ever."""
        uids = list(side.view.uids)
        octets = self.run(side.mailbox.read([Span(uid) for uid in uids]))
        for uid, each in zip(uids, octets, strict=True):
            assert self.seen.setdefault((side.mailbox.mailbox_id, uid), each) == each

    def _compare_all(self) -> None:
        listings = [self.run(account.mailboxes()) for account in self.accounts]
        self._agree(listings, listing_facts)
        for entry in listings[0]:
            if entry.selectable:
                self._compare_mailbox(entry.name)

    def _compare_mailbox(self, name: str) -> None:
        contents = []
        for account in self.accounts:
            mailbox = self.run(account.open(name))
            uids = self.run(mailbox.snapshot()).uids
            contents.append(self.run(mailbox.read([Span(uid) for uid in uids])))
        self._agree(contents, list)
        self._same(lambda account: account.status(name), status_facts)


class ModelContract(StoreFixture):
    """The store and the model agree.

    Attributes:
        model_examples: how many histories are tried.
        model_steps: how long each is.
    """

    model_examples = 25
    model_steps = 30

    async def test_agrees_with_the_model(self) -> None:
        """Whatever several sessions do, the store answers as the model does, also over restarts."""
        if self.threads:
            # Hypothesis blocks while it works, so it gets a thread and leaves the reactor to the store.
            await deferToThread(self._run_machine, run_in_reactor)
        else:
            self._run_machine(run_at_once)

    def _run_machine(self, run: Run) -> None:
        run_state_machine_as_test(
            cast(Any, lambda: StoreMachine(self, run)),
            settings=settings(
                max_examples=self.model_examples,
                stateful_step_count=self.model_steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
