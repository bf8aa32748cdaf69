"""What a TLS connection agreed on, asked of OpenSSL: for trace fields, logs and logins."""

from __future__ import annotations

from OpenSSL import SSL

from mailframe.message.origin import TLSFacts


def tls_facts(connection: SSL.Connection) -> TLSFacts | None:
    """The facts, of our side or the other's; None before the handshake is done.

    Args:
        connection: what ``transport.getHandle()`` gives; those of `mailframe.tls` have attributes ``client_name``,
            ``client_fingerprint`` and ``verified`` besides, which say who the peer is.
    """
    cipher = connection.get_cipher_name()
    if cipher is None:
        return None
    name = connection.get_servername()
    return TLSFacts(
        version=connection.get_protocol_version_name(),
        cipher=cipher,
        bits=connection.get_cipher_bits() or 0,
        server_name=name.decode("ascii", "replace") if name else None,
        client_name=getattr(connection, "client_name", None),
        group=_group(connection),
        verified=getattr(connection, "verified", None),
        client_fingerprint=getattr(connection, "client_fingerprint", None),
    )


def channel_binding(connection: SSL.Connection) -> bytes | None:
    """The octets of ``tls-exporter`` (RFC 9266), or None where it must not be used.

    TLS 1.2 has it only together with the extended master secret (section 4.2). Whether that was agreed on cannot be
    asked through pyOpenSSL, so a connection counts as one without.
    """
    if connection.get_cipher_name() is None or connection.get_protocol_version_name() != "TLSv1.3":
        return None
    try:
        return connection.export_keying_material(b"EXPORTER-Channel-Binding", 32)
    except SSL.Error:
        # In the middle of a handshake.
        return None


def _group(connection: SSL.Connection) -> str | None:
    try:
        return connection.get_group_name()
    except (AttributeError, NotImplementedError):
        # OpenSSL before 3.2.
        return None
