"""The dialogues of `tests/transcripts/pop3`."""

from __future__ import annotations

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration, Size
from mailframe.pop3.settings import POP3Settings
from mailframe.testing.transcripts import TranscriptCase, transcripts

from .fixture import make_factory


@transcripts(FilePath(__file__).parent().sibling("transcripts").child("pop3"))
class POP3TranscriptTests(TranscriptCase, SynchronousTestCase):
    """What a client and the server say to each other."""

    factory = None

    def connect(self, session, options):
        if self.factory is None:
            settings = POP3Settings(
                require_tls_for_auth=options.get("clear") == "no",
                errors_limit=int(options.get("errors-limit", 20)),
                line_limit=Size(int(options.get("line-limit", 1024))),
                lock_maildrop=options.get("lock") == "yes",
                login_delay=Duration(float(options.get("login-delay", 0))),
                uidl_format=options.get("uidl-format", "%08Xu%08Xv"),
            )
            expire = float(options["expire"]) if "expire" in options else None
            self.factory = make_factory(self.clock, settings, tls=options.get("tls") == "yes", expire=expire)
        return self.factory.buildProtocol(None)
