"""Whether the files that the settings name can be used, asked before anything is opened or made."""

from __future__ import annotations

from ingest.rtmp.tls import CertificateError, server_context
from mediaserver.settings import Config, SettingsError


def check_certificate(config: Config) -> None:
    """Read the certificate and the key of RTMPS, as the server will, if it is on.

    Raises :class:`mediaserver.settings.SettingsError`, which names the file.
    """
    rtmps = config.rtmps
    if rtmps.port == "off":
        return
    try:
        server_context(rtmps.certificate, rtmps.key_file)
    except CertificateError as error:
        name = "key_file" if error.is_of_key else "certificate"
        raise SettingsError(f"rtmps.{name}", getattr(rtmps, name), str(error)) from None
