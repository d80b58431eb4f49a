import pytest

from intertie.monitor.promql.tree import QueryError
from tests.monitor.promql.stage import ask, line

ONE = line("x", "1", host="web-01.example", job="web")


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ('"name", "$1", "host", "(.*)-.*"', 'host="web-01.example", job="web", name="web"'),
        ('"name", "${1}s", "host", "(.*)-.*"', 'host="web-01.example", job="web", name="webs"'),
        ('"name", "$1s", "host", "(.*)-.*"', 'host="web-01.example", job="web"'),
        ('"n", "$a$$", "host", "(?P<a>w).*"', 'host="web-01.example", job="web", n="w$"'),
        ('"n", "$2", "host", "(.*)"', 'host="web-01.example", job="web"'),
        ('"n", "$1", "host", "(web)"', 'host="web-01.example", job="web"'),
        ('"job", "", "host", ".*"', 'host="web-01.example"'),
        ('"n", "none", "nothing", ""', 'host="web-01.example", job="web", n="none"'),
    ],
)
def test_a_label_is_made_of_another(arguments: str, labels: str) -> None:
    """Where the whole of it fits; a group that is not there is empty, and so no label."""
    assert ask(f"label_replace(x, {arguments})", ONE, at_s=0) == {f'{{__name__="x", {labels}}}': 1}


def test_a_name_may_be_made_too() -> None:
    """It is a label as well."""
    found = ask('label_replace(x, "__name__", "y", "job", "web")', ONE, at_s=0)

    assert found == {'{__name__="y", host="web-01.example", job="web"}': 1}


def test_labels_are_joined() -> None:
    """One that is not there is empty; without any the target goes."""
    assert ask('label_join(x, "n", "/", "job", "no", "job")', ONE, at_s=0) == {
        '{__name__="x", host="web-01.example", job="web", n="web//web"}': 1
    }
    assert ask('label_join(x, "job", "")', ONE, at_s=0) == {
        '{__name__="x", host="web-01.example"}': 1
    }


def test_two_series_may_not_become_the_same() -> None:
    """The message names what they would be."""
    other = line("x", "2", host="web-01.example")

    with pytest.raises(QueryError, match=r'x\{host="web-01\.example"\}'):
        ask('label_replace(x, "job", "", "job", ".*")', ONE, other, at_s=0)
