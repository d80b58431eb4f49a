"""Services of others, which the gateway can send requests to."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from intertie.suite.values import Flag, Model, at

_PORTS = range(1, 65536)
_ADDRESS = re.compile(r"(?P<host>[0-9.]{7,15}|\[[0-9a-fA-F:]{2,39}\]):(?P<port>[0-9]{1,5})")


def _address(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    if found is None or int(found["port"]) not in _PORTS:
        raise ValueError("expected an address and port such as 10.0.0.7:8443 or [::1]:8443")
    return value


class External(Model):
    """A service that somebody else runs. Routes name it as they name a service of the suite."""

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/?$")]
    """Scheme, host and port; with `https` it must show a certificate of that host."""
    addresses: tuple[Annotated[str, AfterValidator(_address)], ...] = ()
    """Where it is, such as `10.0.0.7:8443`; empty is where DNS says the host is, all of them."""
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """Who may vouch for its host, PEM, relative to the suite file's folder; None is who browsers
    believe."""
    forward_identity: Flag = False
    """Whether it is told who asks, and gets the caller's token, key and cookies."""

    @model_validator(mode="after")
    def _port_is_one(self) -> Self:
        if self.port not in _PORTS:
            raise at("url", "expected a port from 1 to 65535")
        if self.ca_file and not self.is_encrypted:
            raise at("ca_file", "only `https` has certificates")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.url.startswith("https://")

    @property
    def authority(self) -> str:
        """The host, and the port if said: as requests name it."""
        return self.url.partition("://")[2].rstrip("/").lower()

    @property
    def host(self) -> str:
        """What its certificate must name."""
        return self.authority.partition(":")[0]

    @property
    def port(self) -> int:
        """As said, or that of the scheme."""
        said = self.authority.partition(":")[2]
        return int(said) if said else (443 if self.is_encrypted else 80)
