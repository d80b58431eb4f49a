"""The configuration file of the process."""

from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.cache.settings import CacheConfig, Settings, of_suite, read
from intertie.suite.cache import Caching, RouteCaching


def test_the_suite_files_words_become_the_terms_of_each_route() -> None:
    """The route's `cache_ttl` before the default; sockets in one folder."""
    routes = {"a": RouteCaching(cache_ttl=3600), "b": RouteCaching(cache_shared=True)}
    config = of_suite(Caching(max_size=2**20, max_object=2**10), routes, folder=Path("/run/x"))
    found = Settings.of(CacheConfig.model_validate_json(config.model_dump_json()))

    assert (found.terms[b"a"].default_ttl, found.terms[b"a"].shared) == (3600, False)
    assert (found.terms[b"b"].default_ttl, found.terms[b"b"].shared) == (300, True)
    assert found.terms[b"a"].cache_control == b"public, max-age=300"
    assert found.behind_gateway
    assert config.listen == "unix:/run/x/cache.sock"
    assert (found.max_size, found.max_object) == (2**20, 2**10)


@pytest.mark.parametrize("text", ["", "{}", '{"listen": "x", "origin": "y"}'])
def test_a_faulty_file_is_told(tmp_path: Path, text: str) -> None:
    """With its name."""
    path = tmp_path / "c.json"
    path.write_text(text)

    with pytest.raises(GatewayError, match=r"cannot read the cache's configuration .*c\.json"):
        read(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The same way."""
    with pytest.raises(GatewayError, match="cannot read"):
        read(tmp_path / "none.json")
