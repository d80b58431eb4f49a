import pytest

from intertie_media.errors import SettingError
from intertie_media.settings import PORTS, Settings


@pytest.mark.parametrize(("service", "port"), PORTS.items())
def test_each_service_has_a_port_of_its_own_by_default(service: str, port: int) -> None:
    """Run by hand, the services find each other without being told."""
    found = Settings.read(service, {})

    assert found.port == port
    assert found.urls[service] == f"http://127.0.0.1:{port}"


def test_the_environment_decides() -> None:
    """What the supervisor gives is used."""
    environment = {
        "PORT": "4711",
        "INTERTIE_DATA": "/srv/media",
        "INTERTIE_URL_PROCESSING_PIPELINE": "http://127.0.0.1:99/",
        "INTERTIE_SERVICE": "upload-manager/3",
        "MEDIA_PUBLIC_PATH": "https://api.example.org/media/",
    }

    found = Settings.read("upload-manager", environment)

    assert (found.port, found.replica) == (4711, "upload-manager/3")
    assert found.urls["processing-pipeline"] == "http://127.0.0.1:99"
    assert found.public_path == "https://api.example.org/media"
    assert str(found.uploads) == "/srv/media/uploads"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("MEDIA_MAX_FILE_BYTES", "0"),
        ("MEDIA_MAX_TRANSCODES", "-1"),
        ("MEDIA_UPLOAD_EXPIRES_S", "1.5"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """The error says which variable holds what."""
    with pytest.raises(SettingError, match=f"cannot use {name}='{value}'"):
        Settings.read("upload-manager", {name: value})
