"""Where the master key comes from, under which secrets of integrations are sealed at rest."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from intertie.suite.secret import Reference
from intertie.suite.values import Model, at


class KeyValue(Model):
    """A secret of HashiCorp Vault or OpenBao, engine KV version 2."""

    address: Annotated[str, Field(pattern=r"^https?://[^\s#?]+$")]
    """Such as `https://vault.internal:8200`."""
    path: Annotated[str, Field(min_length=1, max_length=500)]
    """Below the mount, such as `intertie/master`."""
    token: Reference
    """A reference."""
    mount: str = "secret"
    """Of the engine."""
    key: str = "key"
    """Which field of the secret has it."""
    namespace: str = ""
    """Of the server, where it has any."""


class Sealing(Model):
    """Of the master key: 32 bytes."""

    master: Literal["file", "secret", "keyring", "kv"] = "file"
    """`file` is one of mode 0600 beside the sealed rows, made when missing; `secret` is `secret`;
    `keyring` is the system's, service `intertie`, user `master`; `kv` is that of `kv`."""
    secret: Reference | None = None
    """In base64; several lines, the newest first, while one key replaces another."""
    kv: KeyValue | None = None
    """A vault server."""

    @model_validator(mode="after")
    def _is_said(self) -> Self:
        if self.master == "secret" and self.secret is None:
            raise at("secret", "`master: secret` needs it")
        if self.master == "kv" and self.kv is None:
            raise at("kv", "`master: kv` needs it")
        return self
