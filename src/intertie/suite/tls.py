"""How the gateway proves who it is, and who its clients are."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from intertie.suite.values import Duration, Flag, Model, PortNumber, at, scalar

_File = Annotated[str, Field(min_length=1)]
_YEAR_S = 365 * 86400.0


class Certificate(Model):
    """A certificate of the gateway, PEM; both files are read again when they change."""

    cert_file: _File
    """The certificate and those between it and the authority, relative to the suite file."""
    key_file: _File
    """Its private key, without a password."""


class Tls(Model):
    """The gateway answers encrypted requests only."""

    certificates: tuple[Certificate, ...] = ()
    """The one whose name a client asks for is shown; for other names, the first."""
    self_signed: Flag = False
    """For development: a certificate for `localhost` by the suite's own authority."""
    min_version: Annotated[
        Literal["1.2", "1.3"],
        BeforeValidator(scalar, json_schema_input_type=Literal["1.2", "1.3"] | float),
    ] = "1.2"
    """Clients that know nothing newer are refused."""
    client_ca_file: _File | None = None
    """Who may vouch for clients; without it no certificate of a client is asked for."""
    require_client_certificate: Flag = False
    """Refuse clients that show none."""
    crl_file: _File | None = None
    """Certificates of clients that are no longer good, PEM."""
    redirect_http: PortNumber | None = None
    """Unencrypted requests to this port are sent on to the encrypted one."""
    hsts: Duration | None = None
    """How long browsers are to remember to come encrypted; a year, and with `self_signed` none at
    all, unless said."""

    @property
    def hsts_s(self) -> float:
        """As told to browsers; 0 tells them nothing."""
        if self.hsts is not None:
            return self.hsts
        return 0.0 if self.self_signed else _YEAR_S

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        if self.self_signed == bool(self.certificates):
            raise at("certificates", "expected certificates or `self_signed: true`, one of both")
        if self.client_ca_file is None and self.require_client_certificate:
            raise at("require_client_certificate", "checking clients needs `client_ca_file`")
        if self.client_ca_file is None and self.crl_file is not None:
            raise at("crl_file", "checking clients needs `client_ca_file`")
        return self
