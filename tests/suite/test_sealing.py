"""Where the master key comes from."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite import load
from intertie.suite.sealing import Sealing

KV = {"address": "https://vault.internal:8200", "path": "intertie/master", "token": "${secret:v}"}


def test_it_is_a_file_unless_something_else_is_said() -> None:
    """Of mode 0600, made when missing."""
    assert Sealing().master == "file"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"master": "secret"}, "needs it"),
        ({"master": "kv"}, "needs it"),
        ({"master": "secret", "secret": "the word itself"}, "expected a reference"),
        ({"master": "kv", "kv": {**KV, "token": "the word itself"}}, "expected a reference"),
        ({"master": "kv", "kv": {**KV, "address": "vault.internal"}}, "pattern"),
        ({"master": "paper"}, "keyring"),
    ],
)
def test_what_makes_no_sense_is_a_fault(told: dict[str, Any], why: str) -> None:
    """A key in the file itself is one."""
    with pytest.raises(ValidationError, match=why):
        Sealing.model_validate(told)


def test_references_come_from_the_file(tmp_path: Path) -> None:
    """And stay references."""
    (tmp_path / "suite.yaml").write_text(
        'suite: shop\nservices: {web: {command: "true"}}\n'
        'sealing: {master: kv, kv: {address: "https://v:1", path: a, token: "${secret:v}"}}\n'
    )

    made = load(tmp_path / "suite.yaml").suite.sealing

    assert made.kv is not None
    assert made.kv.token == "${secret:v}"
