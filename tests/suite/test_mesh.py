"""What a suite file may say of the mesh."""

import pytest
from pydantic import ValidationError

from intertie.suite.mesh import Mesh, unknown_names


def test_an_empty_section_is_a_mesh() -> None:
    """On, nobody allowed beside those declared elsewhere, certificates of a day."""
    made = Mesh.model_validate({})

    assert (made.enabled, made.allow, made.tcp, made.certificate_lifetime) == (True, {}, (), 86400)


def test_one_caller_needs_no_list() -> None:
    """A name alone is a list of it; durations have units."""
    made = Mesh.model_validate({"allow": {"api": "web"}, "tcp": "db", "certificate_lifetime": "5m"})

    assert (made.allow, made.tcp, made.certificate_lifetime) == ({"api": ("web",)}, ("db",), 300)


@pytest.mark.parametrize(
    "said",
    [{"allows": {}}, {"allow": {"A": ["b"]}}, {"allow": {"a": ["*"]}}, {"certificate_lifetime": 0}],
)
def test_faults_are_refused(said: dict[str, object]) -> None:
    """Misspelt keys, patterns in place of names, certificates that never live."""
    with pytest.raises(ValidationError):
        Mesh.model_validate(said)


def test_unknown_names_are_found() -> None:
    """On both sides, and among the others; the gateway is known without being a service."""
    made = Mesh(allow={"api": ("web", "wep", "gateway"), "apo": ("web",)}, tcp=("db", "dp"))

    found = list(unknown_names(made, {"api", "web", "db"}))

    assert found == [("allow", "wep"), ("allow", "apo"), ("tcp", "dp")]
