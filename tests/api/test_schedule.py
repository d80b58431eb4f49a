import pytest
from pydantic import ValidationError

from intertie.api.schedule import RestoreBody


def test_a_restore_names_a_backup_and_a_folder() -> None:
    """And perhaps some paths."""
    found = RestoreBody.model_validate({"backup": "a", "target": "/b"})

    assert found.paths == []
    for body in ({"backup": "a"}, {"target": "/b"}, {"backup": "", "target": "/b"}):
        with pytest.raises(ValidationError):
            RestoreBody.model_validate(body)
    with pytest.raises(ValidationError):
        RestoreBody.model_validate({"backup": "a", "target": "/b\0c"})
