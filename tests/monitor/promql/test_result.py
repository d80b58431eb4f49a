import json
import math

import numpy as np

from intertie.monitor.promql.result import (
    Point,
    Scalar,
    Track,
    Vector,
    Word,
    tracks_as_json,
)
from intertie.monitor.sample import Series

UP = Series.of("up", {"job": "a"})


def test_answers_have_the_shape_that_prometheus_gives() -> None:
    """Seconds as numbers, values as texts, so that NaN and infinities can be told."""
    assert Scalar(1500, math.nan).as_json() == {"resultType": "scalar", "result": [1.5, "NaN"]}
    assert Word(2000, "x").as_json() == {"resultType": "string", "result": [2.0, "x"]}
    assert Vector(1000, (Point(UP, 1.0), Point(Series(""), -math.inf))).as_json() == {
        "resultType": "vector",
        "result": [
            {"metric": {"__name__": "up", "job": "a"}, "value": [1.0, "1"]},
            {"metric": {}, "value": [1.0, "-Inf"]},
        ],
    }


def test_tracks_are_a_matrix() -> None:
    """And all of it can be written as JSON."""
    track = Track(UP, np.array([1000, 1250]), np.array([0.5, 1e21]))

    found = tracks_as_json([track])

    assert json.loads(json.dumps(found)) == {
        "resultType": "matrix",
        "result": [
            {"metric": {"__name__": "up", "job": "a"}, "values": [[1.0, "0.5"], [1.25, "1e+21"]]}
        ],
    }
