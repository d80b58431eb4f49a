"""A slice's text is the same each time, and says where it comes from."""

import hashlib
import json
from pathlib import Path

import pytest

from tools.specs.__main__ import main
from tools.specs.kinds import KINDS, Kind
from tools.specs.render import made, parsed, render
from tools.specs.sources import InFolder

SOURCE = b"""
openapi: 3.0.3
info: {title: t, version: Wed Oct 15 2025 13:53:19 GMT+0000}
servers: [{url: "https://a.test"}]
paths:
  /a:
    get:
      responses: {200: {description: well, x-own: 1}}
      parameters: [{name: p, in: query, schema: {type: string, example: 2026-01-02}}]
"""
KIND = Kind(
    name="a",
    source=InFolder("a.yaml"),
    url="https://a.test/a.yaml",
    version="7",
    licence="MIT",
    notice="Copyright A",
    by="vendor",
    operations=("get /a",),
)


def test_where_it_comes_from_is_told() -> None:
    """With the digest of the source and what was repaired."""
    document = made(KIND, SOURCE)

    assert document["info"]["version"] == "7"
    assert document["x-provenance"] == {
        "by": "vendor",
        "licence": "MIT",
        "notice": "Copyright A",
        "repairs": [
            "replaced the version, which was mangled",
            "dropped 1 fields of the vendor's own tools",
        ],
        "sha256": hashlib.sha256(SOURCE).hexdigest(),
        "source": "https://a.test/a.yaml",
        "version": "7",
    }


def test_dates_in_yaml_stay_as_they_are_written() -> None:
    """And keys are strings, as in JSON."""
    operation = parsed(SOURCE)["paths"]["/a"]["get"]

    assert operation["parameters"][0]["schema"]["example"] == "2026-01-02"
    assert list(operation["responses"]) == ["200"]
    assert parsed(b' {"a": 1}') == {"a": 1}


def test_it_is_the_same_each_time() -> None:
    """Sorted, with a line at the end."""
    text = render(KINDS["hubspot"])

    assert text == render(KINDS["hubspot"])
    assert text.endswith(b"}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_what_differs_is_said_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check writes nothing; without it the file is written once."""
    file = tmp_path / "hubspot.json"

    assert main(["--check", "hubspot"], folder=tmp_path) == 1
    assert "hubspot.json differs" in capsys.readouterr().out
    assert not file.exists()

    assert main(["hubspot"], folder=tmp_path) == 0
    assert str(file.stat().st_size) in capsys.readouterr().out
    assert main(["--check", "hubspot"], folder=tmp_path) == 0
    assert capsys.readouterr().out == ""


def test_a_source_that_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are still made."""
    monkeypatch.setenv("INTERTIE_SPECS", str(tmp_path))

    assert main(["spotify", "hubspot"], folder=tmp_path) == 1
    assert "cannot make spotify.json" in capsys.readouterr().err
    assert (tmp_path / "hubspot.json").exists()


def test_an_unknown_kind_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With the ones there are not hidden."""
    with pytest.raises(SystemExit):
        main(["nobody"])

    assert "nobody" in capsys.readouterr().err
