from tests.harness import Bench

SUITE = """
suite: x
services:
  media:
    command: sleep 1000
    api: {version: v2, auth_method: oauth2, rate_limit: 1000/hour, timeout: 30s}
    integration_points:
      storage:
        {protocol: nfs4, mount: /no/such/mount, export: "nas:/media", mount_options: "rw,sync"}
      transcoding: {queue_system: embedded, priority_levels: [high, normal, low]}
"""


def test_check_tells_what_differs_and_how_to_mend_it(bench: Bench) -> None:
    """Exit code 1, and the exact commands; nothing runs for it."""
    bench.write(SUITE)

    done = bench("points", "check")

    assert done.code == 1
    assert "mount -t nfs4 -o rw,sync nas:/media /no/such/mount" in done.out
    found = bench("points", "check", "--json").json()
    assert {each["key"]: each["status"] for each in found}["queue_system"] == "ok"


def test_apply_leaves_what_only_a_person_may_do(bench: Bench) -> None:
    """Nothing is mounted behind anybody's back."""
    bench.write(SUITE)

    done = bench("points", "apply")

    assert done.code == 1
    assert "✘ media mount" in done.out
    assert "mount -t nfs4" in done.out
