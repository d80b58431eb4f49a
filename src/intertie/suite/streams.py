"""What the gateway passes on that is not HTTP."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from intertie.suite.route import Host
from intertie.suite.values import Model, Name, Period, PortNumber, at, one_or_more


class Stream(Model):
    """Connections to a port of its own, passed on byte by byte."""

    port: PortNumber
    """Where clients come; streams of protocol `tls` share one by their hosts."""
    service: Name
    """Each of its ready replicas gets connections in turn."""
    protocol: Literal["tcp", "udp", "tls"] = "tcp"
    """`tls` is passed on encrypted: the service has the certificate."""
    hosts: Annotated[
        tuple[Host, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
    ] = ()
    """Of `tls`: only connections that ask for one of these names; empty takes the others."""
    idle_timeout: Period | None = None
    """Of a connection on which nothing moves; an hour, and a minute for `udp`."""

    @model_validator(mode="after")
    def _hosts_are_told_by_tls(self) -> Self:
        if self.hosts and self.protocol != "tls":
            raise at("hosts", "only a client that speaks TLS says which host it asks for")
        return self

    @property
    def idle_s(self) -> float:
        """As said, or by default."""
        if self.idle_timeout is not None:
            return self.idle_timeout
        return 60.0 if self.protocol == "udp" else 3600.0
