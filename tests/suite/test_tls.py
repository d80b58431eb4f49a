"""What a suite file may say of the gateway's certificates."""

import pytest
from pydantic import ValidationError

from intertie.suite.tls import Tls

PAIR = {"cert_file": "a.crt", "key_file": "a.key"}


def test_a_version_may_be_written_as_a_number() -> None:
    """YAML reads 1.3 as one."""
    made = Tls.model_validate({"certificates": [PAIR], "min_version": 1.3})

    assert made.min_version == "1.3"


def test_browsers_remember_real_certificates_only() -> None:
    """A year by default; `self_signed` must not lock a browser out of localhost."""
    assert Tls.model_validate({"certificates": [PAIR]}).hsts_s == 365 * 86400
    assert Tls.model_validate({"self_signed": True}).hsts_s == 0
    assert Tls.model_validate({"certificates": [PAIR], "hsts": 0}).hsts_s == 0
    assert Tls.model_validate({"self_signed": True, "hsts": "1h"}).hsts_s == 3600


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "one of both"),
        ({"self_signed": True, "certificates": [PAIR]}, "one of both"),
        ({"self_signed": True, "require_client_certificate": True}, "needs `client_ca_file`"),
        ({"self_signed": True, "crl_file": "a.crl"}, "needs `client_ca_file`"),
        ({"self_signed": True, "min_version": "1.1"}, "min_version"),
        ({"certificates": [{"cert_file": "a.crt"}]}, "key_file"),
        ({"self_signed": True, "redirect_http": "auto"}, "redirect_http"),
    ],
)
def test_faults_are_refused(said: dict[str, object], why: str) -> None:
    """What could not be served, or would only look safe."""
    with pytest.raises(ValidationError, match=why):
        Tls.model_validate(said)
