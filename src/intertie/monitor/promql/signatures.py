"""What is supported, by name."""

OVER_TIME = frozenset(
    (
        "avg_over_time", "changes", "count_over_time", "delta", "deriv", "idelta", "increase",
        "irate", "last_over_time", "max_over_time", "min_over_time", "predict_linear",
        "present_over_time", "quantile_over_time", "rate", "resets", "stddev_over_time",
        "sum_over_time",
    )
)  # fmt: skip
"""Functions of a range."""

MATHS = frozenset(
    (
        "abs", "ceil", "clamp", "clamp_max", "clamp_min", "exp", "floor", "ln", "log10", "log2",
        "round", "sgn", "sqrt",
    )
)  # fmt: skip
"""Functions of each value alone."""

CALENDAR = frozenset(
    ("day_of_month", "day_of_week", "days_in_month", "hour", "minute", "month", "year")
)
"""Functions of a time in seconds since 1970, in UTC."""

OTHERS = frozenset(
    (
        "absent", "absent_over_time", "histogram_quantile", "label_join", "label_replace",
        "scalar", "sort", "sort_desc", "time", "timestamp", "vector",
    )
)  # fmt: skip

FUNCTIONS = OVER_TIME | MATHS | CALENDAR | OTHERS

AGGREGATORS = frozenset(
    (
        "avg", "bottomk", "count", "count_values", "group", "max", "min", "quantile", "stddev",
        "stdvar", "sum", "topk",
    )
)  # fmt: skip

ARITHMETIC = frozenset(("+", "-", "*", "/", "%", "^"))
COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
SETS = frozenset(("and", "or", "unless"))
OPERATORS = ARITHMETIC | COMPARISONS | SETS
