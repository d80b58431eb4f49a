"""What a suite file declares for its parts, judged before anything starts."""

from intertie.suite.load import Loaded


def check(loaded: Loaded) -> None:
    """Raise SuiteError for the first part with faults, with all of them.

    Libraries of parts that the suite does not have are not loaded.
    """
    suite = loaded.suite
    if suite.integrations:
        from intertie.integrations.declared import check_kinds  # noqa: PLC0415

        check_kinds(loaded)
    if suite.monitoring is not None:
        from intertie.monitor.declared import check as check_monitoring  # noqa: PLC0415

        check_monitoring(loaded)
    if suite.automation.remediation is not None:
        from intertie.control.remediation_check import check as check_remediation  # noqa: PLC0415

        check_remediation(loaded)
    if suite.automation.has_timings:
        from intertie.automation.declared import check as check_schedules  # noqa: PLC0415

        check_schedules(loaded)
