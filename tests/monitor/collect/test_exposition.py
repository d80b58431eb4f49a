import math
import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intertie.errors import IntertieError
from intertie.monitor.collect.exposition import MAX_SAMPLES, parse, read
from intertie.monitor.exemplars import Exemplar
from intertie.monitor.sample import Sample, Series, is_name

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4"

GOOD_TEXT = {
    "nothing": "",
    "blank lines": "\n\n  \n",
    "plain": "a 1\n",
    "no end of the last line": "a 1",
    "spaces": "  a   1\n",
    "tabs": "a\t1\n",
    "no labels": "a{} 1\n",
    "labels": 'a{b="c",d="e"} 1\n',
    "comma at the end": 'a{b="c",} 1\n',
    "spaces among labels": 'a { b = "c" , d = "e" } 1\n',
    "escapes": 'a{b="x\\\\y\\"z\\n"} 1\n',
    "braces in a value": 'a{b="}{,="} 1\n',
    "hash in a value": 'a{b="x # y"} 1\n',
    "time": "a 1 1395066363000\n",
    "time before 1970": "a 1 -3982045\n",
    "infinite": "a +Inf\nb -Inf\nc NaN\n",
    "exponent": "a 1.458255915e9\n",
    "comment": "# anything\n#\n# EOF\na 1\n",
    "help": "# HELP a what it is \\\\ \\n\n# TYPE a gauge\na 1\n",
    "help without text": "# HELP a\na 1\n",
    "type without samples": "# TYPE a counter\n",
    "colon": "a:b 1\n",
    "histogram": (
        '# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\na_sum 3\na_count 2\n'
    ),
    "summary": '# TYPE a summary\na{quantile="0.5"} 1\na_sum 3\na_count 2\n',
}
BAD_TEXT = {
    "no value": "a\n",
    "no value after labels": 'a{b="c"}\n',
    "value no number": "a b\n",
    "open label": 'a{b="c} 1\n',
    "open braces": 'a{b="c" 1\n',
    "no quotes": "a{b=c} 1\n",
    "no label name": 'a{="c"} 1\n',
    "no label name after a comma": 'a{b="c", ="d"} 1\n',
    "digit first": "0a 1\n",
    "digit first in a label": 'a{0b="c"} 1\n',
    "dash": "a-b 1\n",
    "label twice": 'a{b="c",b="d"} 1\n',
    "unknown type": "# TYPE a thing\na 1\n",
    "type twice": "# TYPE a counter\n# TYPE a counter\n",
    "type of no name": "# TYPE 0 counter\n",
    "time no number": "a 1 b\n",
}

GOOD_OPENMETRICS = {
    "nothing": "# EOF\n",
    "no end of the last line": "# EOF",
    "gauge": "# TYPE a gauge\n# HELP a what\na 1\n# EOF\n",
    "counter": "# TYPE a counter\na_total 1\na_created 123.4\n# EOF\n",
    "unit": "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n",
    "histogram": (
        "# TYPE a histogram\n"
        'a_bucket{le="1.0"} 0\na_bucket{le="+Inf"} 3\na_count 3\na_sum 2\n# EOF\n'
    ),
    "gauge histogram": (
        "# TYPE a gaugehistogram\n"
        'a_bucket{le="1.0"} 0\na_bucket{le="+Inf"} 3\na_gcount 3\na_gsum 2\n# EOF\n'
    ),
    "summary": '# TYPE a summary\na_count 1\na_sum 2\na{quantile="0.5"} 0.7\n# EOF\n',
    "info": '# TYPE a info\na_info{version="1"} 1\n# EOF\n',
    "state set": '# TYPE a stateset\na{a="on"} 1\na{a="off"} 0\n# EOF\n',
    "unknown": "# TYPE a unknown\na 1\n# EOF\n",
    "no type": "a 1\n# EOF\n",
    "time in seconds": "# TYPE a gauge\na 1 1520879607.789\n# EOF\n",
    "exemplar": '# TYPE a counter\na_total 1 # {trace="x"} 0.5 123.4\n# EOF\n',
    "escapes": 'a{b="x\\\\y\\"z\\n"} 1\n# EOF\n',
}
BAD_OPENMETRICS = {
    "no end": "a 1\n",
    "nothing at all": "",
    "blank line": "a 1\n\n# EOF\n",
    "after the end": "# EOF\na 1\n",
    "comment": "# anything\n# EOF\n",
    "counter without total": "# TYPE a counter\na 1\n# EOF\n",
    "counter below zero": "# TYPE a counter\na_total -1\n# EOF\n",
    "counter is NaN": "# TYPE a counter\na_total NaN\n# EOF\n",
    "type after samples": "a 1\n# TYPE a gauge\n# EOF\n",
    "type twice": "# TYPE a gauge\n# TYPE a gauge\n# EOF\n",
    "unknown type": "# TYPE a untyped\n# EOF\n",
    "unit not in the name": "# TYPE a counter\n# UNIT a seconds\na_total 1\n# EOF\n",
    "family in two parts": "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n",
    "no last bucket": '# TYPE a histogram\na_bucket{le="1.0"} 0\na_count 0\na_sum 0\n# EOF\n',
    "buckets fall": (
        "# TYPE a histogram\n"
        'a_bucket{le="1.0"} 5\na_bucket{le="+Inf"} 3\na_count 3\na_sum 2\n# EOF\n'
    ),
    "count is not the last bucket": (
        '# TYPE a histogram\na_bucket{le="+Inf"} 3\na_count 2\na_sum 2\n# EOF\n'
    ),
    "info is not one": '# TYPE a info\na_info{v="1"} 2\n# EOF\n',
    "state is not one or zero": '# TYPE a stateset\na{a="on"} 2\n# EOF\n',
    "quantile below zero": '# TYPE a summary\na{quantile="-1"} 1\n# EOF\n',
    "exemplar on a gauge": '# TYPE a gauge\na 1 # {x="y"} 1\n# EOF\n',
    "comma first": 'a{,b="c"} 1\n# EOF\n',
    "two spaces": "a  1\n# EOF\n",
    "windows": "a 1\r\n# EOF\r\n",
    "times go back": "# TYPE a gauge\na 2 124\na 1 123\n# EOF\n",
}


@pytest.mark.parametrize("case", GOOD_TEXT)
def test_good_text_is_read(case: str) -> None:
    """As the format's own description has it."""
    parse(GOOD_TEXT[case].encode(), TEXT)


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_text_is_refused(case: str) -> None:
    """With the line that is faulty."""
    with pytest.raises(IntertieError, match=r"^cannot read the page of metrics: line \d+: ."):
        parse(BAD_TEXT[case].encode(), TEXT)


@pytest.mark.parametrize("case", GOOD_OPENMETRICS)
def test_good_openmetrics_is_read(case: str) -> None:
    """Each type of the specification."""
    parse(GOOD_OPENMETRICS[case].encode(), OPENMETRICS)


@pytest.mark.parametrize("case", BAD_OPENMETRICS)
def test_bad_openmetrics_is_refused(case: str) -> None:
    """It is stricter than the text format: half a page is known by its missing end."""
    with pytest.raises(IntertieError, match=r"^cannot read the page of metrics: line \d+: ."):
        parse(BAD_OPENMETRICS[case].encode(), OPENMETRICS)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
@pytest.mark.parametrize("case", GOOD_TEXT | BAD_TEXT)
def test_promtool_judges_the_same(case: str) -> None:
    """What Prometheus' own tool reads is read here, and nothing else of these."""
    page = (GOOD_TEXT | BAD_TEXT)[case].removesuffix("\n") + "\n"

    told = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )

    reads = "error while linting" not in told.stderr and "parsing" not in told.stderr
    assert reads is (case in GOOD_TEXT), told.stderr


def test_values_and_labels_are_those_of_the_page() -> None:
    """Escapes undone, times and empty labels left out."""
    page = 'a{b="x\\\\y\\"z\\n",c=""} 1.5 1395066363000\nd +Inf\n'

    found = parse(page.encode(), TEXT)

    assert found == [
        Sample(Series.of("a", {"b": 'x\\y"z\n'}), 1.5),
        Sample(Series("d"), math.inf),
    ]


def test_a_counter_keeps_its_name() -> None:
    """Also one that does not end in `_total`: queries are written for what the page has."""
    page = "# TYPE requests counter\nrequests 5\n# TYPE hits_total counter\nhits_total 6\n"

    found = parse(page.encode(), TEXT)

    assert [str(each.series) for each in found] == ["requests", "hits_total"]


def test_a_faulty_line_is_told_by_its_number() -> None:
    """Lines that only comment count too."""
    page = "# HELP a what\n# TYPE a gauge\na 1\n\na{b} 2\na 3\n"

    with pytest.raises(IntertieError, match="line 5: "):
        parse(page.encode(), TEXT)


def test_of_a_series_that_is_there_twice_the_first_counts() -> None:
    """A tick has one value of each."""
    found = parse(b'a 1\na 2\nb 3\na{x=""} 4\n', TEXT)

    assert [each.value for each in found] == [1, 3]


def test_limits() -> None:
    """Of the page and of a label; and it is UTF-8."""
    long = b'a{b="' + b"x" * 2001 + b'"} 1\n'

    for page, why in (
        (b"#" * ((10 << 20) + 1), "larger than 10 MiB"),
        (long, "line 1: a label of a has more than 2000 characters"),
        (b"a 1\nb\xff 1\n", "line 2: it is not UTF-8"),
    ):
        with pytest.raises(IntertieError, match=why):
            parse(page, TEXT)


@pytest.mark.slow
def test_a_page_has_no_more_than_so_many_samples() -> None:
    """The line that is too many is told."""
    many = b"".join(b"a%d 1\n" % number for number in range(MAX_SAMPLES + 1))

    with pytest.raises(IntertieError, match="line 200001: there are more than 200,000 samples"):
        parse(many, TEXT)


def test_exemplars_of_openmetrics_are_read() -> None:
    """With their labels; one that says when it was, and one that does not."""
    page = (
        b"# TYPE took histogram\n"
        b'took_bucket{le="1"} 2 # {trace_id="ab",span_id="cd"} 0.25 1700000000.5\n'
        b'took_bucket{le="+Inf"} 2\n'
        b"# TYPE hits counter\n"
        b'hits_total 2 # {trace_id="ef"} 1.0\n'
        b"# EOF\n"
    )

    found = read(page, OPENMETRICS)

    assert found.exemplars == {
        Series.of("took_bucket", {"le": "1"}): Exemplar(
            0.25, 1_700_000_000_500, (("span_id", "cd"), ("trace_id", "ab"))
        ),
        Series("hits_total"): Exemplar(1.0, 0, (("trace_id", "ef"),)),
    }
    assert len(found.samples) == 3


@settings(deadline=None)
@given(
    st.text(alphabet='ab0_:{}=",#\\ \t\n.-+eTYPENaIf', max_size=60),
    st.sampled_from([TEXT, OPENMETRICS]),
)
@example('a{b="c", ="d"} 1', TEXT)
@example("a " + "9" * 5000, TEXT)
def test_any_page_is_read_or_refused(page: str, kind: str) -> None:
    """Nothing else ever comes of it, and what is read has proper names."""
    try:
        found = parse(page.encode(), kind)
    except IntertieError:
        return
    assert len({each.series for each in found}) == len(found)
    assert all(is_name(each.series.name) for each in found)
