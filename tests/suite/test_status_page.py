"""What a suite file may say of its status page."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from intertie.errors import SuiteError
from intertie.suite.load import load
from intertie.suite.status_page import StatusPage

SUITE = """
suite: shop
services:
  web: {command: "true"}
monitoring:
  status_page: {services: [web, wbe], public: true}
"""


def test_it_tells_of_all_services_and_not_to_everybody() -> None:
    """Unless something else is written."""
    found = StatusPage()

    assert (found.services, found.named, found.public) == ("all", (), False)


def test_no_service_at_all_is_refused() -> None:
    """A page that tells of nothing is a mistake."""
    with pytest.raises(ValidationError):
        StatusPage.model_validate({"services": []})


def test_a_service_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    """File and line, and the name."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE)

    with pytest.raises(SuiteError, match="`status_page` names 'wbe', which is no service") as told:
        load(file)

    assert "suite.yaml:" in str(told.value)
