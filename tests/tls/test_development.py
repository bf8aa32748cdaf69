"""Certificates for a first run."""

from __future__ import annotations

import os
import ssl
import stat

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.development import make_certificate
from mailframe.tls.files import load


class MakeCertificateTests(SynchronousTestCase):
    """A certificate signed by itself."""

    def test_files(self) -> None:
        """Only its owner can read the key; the certificate has all names."""
        directory = os.path.join(self.mktemp(), "tls")
        files = make_certificate(directory, ["mail.example.test", "localhost", "127.0.0.1", "::1"])
        self.assertEqual(0o600, stat.S_IMODE(os.stat(files.key).st_mode))
        self.assertEqual(sorted(["certificate.pem", "key.pem"]), sorted(os.listdir(directory)))
        loaded = load(files)
        self.assertEqual(("mail.example.test", "localhost"), loaded.names)
        names = loaded.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(2, len(names.get_values_for_type(x509.IPAddress)))

    def test_again(self) -> None:
        """A second run replaces both files, however the old ones were protected."""
        directory = self.mktemp()
        first = load(make_certificate(directory, ["a.example.test"]))
        os.chmod(os.path.join(directory, "key.pem"), 0o400)
        second = load(make_certificate(directory, ["b.example.test"]))
        self.assertNotEqual(first.certificate.serial_number, second.certificate.serial_number)
        self.assertEqual(("b.example.test",), second.names)

    def test_can_be_trusted(self) -> None:
        """Clients can be told to trust it as an authority."""
        files = make_certificate(self.mktemp(), ["localhost"])
        context = ssl.create_default_context(cafile=files.certificate)
        self.assertEqual(1, len(context.get_ca_certs()))
