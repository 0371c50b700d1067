"""The certificate of RTMPS (RTMP inside TLS from the first byte on)."""

from __future__ import annotations

import ssl
from pathlib import Path


class CertificateError(Exception):
    """The certificate or its key cannot be used. One sentence that names the file and what is wrong."""

    def __init__(self, sentence: str, *, is_of_key: bool = False) -> None:
        super().__init__(sentence)
        self.is_of_key = is_of_key
        """The key alone is to blame."""


def server_context(certificate: str, key_file: str) -> ssl.SSLContext:
    """For a server with this certificate chain and key (PEM files), TLS 1.2 and newer.

    Raises :class:`CertificateError`.
    """
    for what, path in (("certificate", certificate), ("key", key_file)):
        is_of_key = what == "key"
        if not path:
            sentence = f"rtmps needs a {what}: set rtmps.certificate and rtmps.key_file"
            raise CertificateError(sentence, is_of_key=is_of_key)
        try:
            with Path(path).open("rb"):
                pass
        except OSError as error:
            sentence = f"the {what} {path} cannot be read: {error.strerror}"
            raise CertificateError(sentence, is_of_key=is_of_key) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key_file, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            sentence = f"the key {key_file} does not belong to the certificate {certificate}"
        else:
            sentence = f"{certificate} and {key_file} are no certificate and key in PEM form"
        raise CertificateError(sentence) from error
    except _KeyIsEncryptedError as error:
        sentence = f"the key {key_file} is protected by a password: use one without"
        raise CertificateError(sentence, is_of_key=True) from error
    return context


class _KeyIsEncryptedError(Exception):
    pass


def _no_password() -> str:
    """OpenSSL would ask on the terminal, and a server waits there for ever."""
    raise _KeyIsEncryptedError
