"""imapfilter sorts mail by rules, as many people let it do from cron."""

from __future__ import annotations

import os

from .outside import ClientCase
from .service import PASSWORD, node, run

RULES = """
options.certificates = false
options.create = true
options.subscribe = true
account = IMAP {{ server = 'localhost', port = {port}, username = '{user}', password = '{password}', ssl = 'auto' }}
all = account.INBOX:select_all()
one = account.INBOX:contain_subject('one') * account.INBOX:is_unseen()
one:copy_messages(account['Rules/First'])
some = account.INBOX:match_body('This is (two|three)')
some:move_messages(account['Rules/Second'])
four = account.INBOX:contain_field('Message-ID', 'four@')
four:mark_flagged()
four:add_flags({{ '$Sorted' }})
five = account.INBOX:is_smaller(100000) * account.INBOX:contain_body('This is five')
five:delete_messages()
print(#all, account.INBOX:check_status())
"""


class ImapfilterTests(ClientCase):
    """One run of its rules."""

    account = "imapfilter@example.test"

    def test_rules(self) -> None:
        """It searches, copies, moves, flags and deletes, and makes the mailboxes that its rules name."""
        self.fill("INBOX", "one", "two", "three", "four", "five")
        rules = self.place / "config.lua"
        rules.write_text(RULES.format(port=node().ports["imaps"], user=self.account, password=PASSWORD))
        printed = run(
            "imapfilter", "-c", rules, "-t", node().certificate,
            env={"HOME": str(self.place), "PATH": os.environ["PATH"] + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        self.assertEqual(printed.splitlines()[-1].split()[:2], [b"5", b"2"], printed)
        self.assertEqual(self.flags("INBOX"), {"one": set(), "four": {"\\Flagged", "$Sorted"}})
        self.assert_letters("INBOX", "one", "four")
        self.assert_letters("Rules/First", "one")
        self.assert_letters("Rules/Second", "two", "three")
        self.assertIn(b"Rules/Second", b"".join(self.outside.lsub()[1]))
