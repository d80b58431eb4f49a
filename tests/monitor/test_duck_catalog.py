from intertie.monitor.duck_catalog import Catalog, labels_of, labels_text
from intertie.monitor.sample import Matcher, Sample, Series

WEB = Series.of("up", {"service": "web", "zone": "a"})
API = Series.of("up", {"service": "api"})
LOAD = Series.of("load")


def _catalog(*series: Series, max_series: int = 10) -> Catalog:
    catalog = Catalog(max_series)
    catalog.learn({each: number for number, each in enumerate(series, 1)})
    return catalog


def test_numbering_changes_nothing_until_it_is_learned() -> None:
    """What could not be written must not be known."""
    catalog = _catalog(WEB)

    batch = catalog.number([Sample(API, 2.0), Sample(WEB, 1.0)])

    assert (batch.ids, batch.values, batch.new) == ([2, 1], [2.0, 1.0], {API: 2})
    assert len(catalog) == 1
    catalog.learn(batch.new)
    assert catalog[2] == API


def test_the_last_value_of_a_series_counts() -> None:
    """One moment has one value."""
    batch = _catalog(WEB).number([Sample(WEB, 1.0), Sample(API, 5.0), Sample(WEB, 2.0)])

    assert dict(zip(batch.ids, batch.values, strict=True)) == {1: 2.0, 2: 5.0}


def test_new_series_beyond_the_limit_are_refused_by_name() -> None:
    """Those that are known go on; the culprit is named."""
    catalog = _catalog(WEB, max_series=2)

    batch = catalog.number([Sample(each, 1.0) for each in (API, LOAD, WEB, LOAD)])

    assert batch.ids == [2, 1]
    assert batch.refused == {"load": 2}


def test_a_number_is_never_given_twice() -> None:
    """Samples that are left of a forgotten series are not taken for another one's."""
    catalog = _catalog(WEB, API)

    catalog.forget([2])

    assert catalog.number([Sample(LOAD, 1.0)]).new == {LOAD: 3}
    assert catalog.find([]) == [1]
    assert catalog.names() == ["up"]


def test_matchers_find_series() -> None:
    """All of them must fit; a name alone is found without looking at others."""
    catalog = _catalog(WEB, API, LOAD)

    assert catalog.find([Matcher("__name__", "=", "up")]) == [1, 2]
    assert catalog.find([Matcher("__name__", "=", "up"), Matcher("service", "=~", "w.*")]) == [1]
    assert catalog.find([Matcher("__name__", "!=", "up")]) == [3]
    assert catalog.find([Matcher("__name__", "=", "none")]) == []
    assert catalog.labels("up") == {"service": ["api", "web"], "zone": ["a"]}


def test_labels_survive_as_text() -> None:
    """Whatever is in them."""
    series = Series.of("x", {"a": 'q"\\\n', "b": "€"})

    assert Series.of("x", labels_of(labels_text(series))) == series


def test_a_tenant_beyond_its_limit_takes_no_room_of_others() -> None:
    """It is named; what the suite measures of it does not count; what is forgotten makes room."""
    catalog = Catalog(10, {"acme": 2}.get)
    mine = [Series.of("orders", {"tenant": "acme", "n": str(n)}) for n in range(4)]
    others = [
        Series.of("orders", {"tenant": "globex"}),
        Series.of("intertie_calls", {"tenant": "acme"}),
    ]

    batch = catalog.number([Sample(each, 1.0) for each in (*mine, *others)])
    catalog.learn(batch.new)

    assert set(batch.new) == {*mine[:2], *others}
    assert (batch.refused, batch.refused_of) == ({"orders": 2}, {"acme": 2})
    assert catalog.number([Sample(mine[0], 1.0), Sample(mine[3], 1.0)]).refused_of == {"acme": 1}
    assert (catalog.of_tenant("acme"), catalog.of_tenant("globex")) == (2, 1)
    catalog.forget([batch.new[mine[0]]])
    assert mine[3] in catalog.number([Sample(mine[3], 1.0)]).new
