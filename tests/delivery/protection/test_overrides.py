"""What the configuration demands of some domains."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.protection.options import TLSPolicyOptions, normal_pattern
from mailframe.delivery.protection.overrides import Overrides
from mailframe.tls.policies import Level


def rule(*domains: str, level: str = "encrypt", names: tuple[str, ...] = ()) -> TLSPolicyOptions:
    return TLSPolicyOptions(domains=list(domains), level=level, names=list(names))  # type: ignore[arg-type]


class OverridesTests(SynchronousTestCase):
    """The rule that says it most exactly counts."""

    def level(self, rules: Overrides, domain: str) -> str | None:
        found = rules.of(domain)
        return None if found is None else found.level.value

    def test_exact(self) -> None:
        """A domain's own rule counts more than one for all below another, and that more than one for all."""
        rules = Overrides(
            [
                rule("*", level="opportunistic"),
                rule(".example.test", level="verify"),
                rule("a.example.test", level="none"),
                rule(".deep.example.test", level="dane"),
            ]
        )
        self.assertEqual("opportunistic", self.level(rules, "example.test"))
        self.assertEqual("none", self.level(rules, "A.Example.Test."))
        self.assertEqual("verify", self.level(rules, "b.example.test"))
        self.assertEqual("dane", self.level(rules, "very.deep.example.test"))
        self.assertEqual("opportunistic", self.level(rules, "other.test"))

    def test_first_of_equals(self) -> None:
        """Of two rules for one domain the first counts."""
        rules = Overrides([rule("example.test", level="none"), rule("example.test", level="verify")])
        self.assertEqual("none", self.level(rules, "example.test"))
        self.assertIsNone(self.level(rules, "other.test"))

    def test_international(self) -> None:
        """A rule for a name with other letters counts for the name as DNS has it."""
        rules = Overrides([rule("bücher.test")])
        self.assertEqual("encrypt", self.level(rules, "xn--bcher-kva.test"))
        self.assertEqual("encrypt", self.level(rules, "Bücher.test"))

    def test_forged_exchangers(self) -> None:
        """Verifying looks for the domain's own names: a forged MX record with a good certificate wins nothing."""
        found = Overrides([rule("example.test", level="verify")]).of("example.test")
        assert found is not None
        self.assertEqual(("example.test",), found.policy("example.test", "mx.evil.test", False).names)
        self.assertEqual(
            ("example.test", "mx.example.test"), found.policy("example.test", "mx.example.test", False).names
        )
        self.assertEqual(
            ("example.test", "mx.hoster.test"), found.policy("example.test", "mx.hoster.test", True).names
        )

    def test_names(self) -> None:
        """Names that are configured are the only ones looked for; a dot in front is the host's own name below it."""
        found = Overrides([rule("example.test", level="verify", names=(".Hoster.test",))]).of("example.test")
        assert found is not None
        self.assertEqual(("mx.hoster.test",), found.policy("example.test", "mx.hoster.test", False).names)
        self.assertEqual(("example.test",), found.policy("example.test", "mx.evil.test", True).names)
        self.assertIs(Level.VERIFY, found.policy("example.test", "mx.evil.test", True).level)

    def test_wrong(self) -> None:
        """A rule without domains, with none that is one, or for certificates of anybody is refused."""
        for wrong in ({"domains": []}, {"domains": ["a b"]}, {"domains": ["a.test"], "names": ["*"]}):
            with self.assertRaises(ValueError):
                TLSPolicyOptions(level="verify", **wrong)  # type: ignore[arg-type]

    @given(st.text(max_size=30))
    def test_any_text(self, text: str) -> None:
        """Whatever is written as a domain is normal once it was made normal, or refused with a reason."""
        try:
            pattern = normal_pattern(text)
        except ValueError:
            return
        self.assertEqual(pattern, normal_pattern(pattern))
