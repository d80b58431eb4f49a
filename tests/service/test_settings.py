"""A service's own settings."""

import pytest
from pydantic import BaseModel, Field, SecretStr

from intertie.errors import IntertieError
from intertie.service.settings import read_settings


class Settings(BaseModel):
    max_items: int = Field(default=10, ge=1)
    currency: str
    tags: list[str] = []
    key: SecretStr | None = None


def test_fields_come_from_variables() -> None:
    """In capital letters, after the prefix; lists are JSON; the rest has its defaults."""
    found = read_settings(
        Settings, {"SHOP_CURRENCY": "[x]", "SHOP_TAGS": '["a", "b"]'}, prefix="shop_"
    )

    assert found == Settings(currency="[x]", tags=["a", "b"])


def test_every_fault_is_told_at_once_and_no_value() -> None:
    """By the names of the variables; a value may be a secret."""
    variables = {"MAX_ITEMS": "hunter2", "TAGS": "[1, 2]"}

    with pytest.raises(IntertieError) as caught:
        read_settings(Settings, variables)

    told = str(caught.value)
    assert [
        name for name in ("MAX_ITEMS", "CURRENCY", "TAGS.0", "TAGS.1") if name not in told
    ] == []
    assert "hunter2" not in told
