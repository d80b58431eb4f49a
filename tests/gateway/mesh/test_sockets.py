"""Both ends of an encrypted call."""

from intertie.gateway.mesh import sockets


def test_the_called_side_asks_for_an_identity_of_the_suite() -> None:
    """TLS 1.3, a certificate from everybody, of this suite and no other that begins alike."""
    made = sockets.inbound("shop")["typed_config"]
    common = made["common_tls_context"]
    checks = common["combined_validation_context"]["default_validation_context"]

    assert made["require_client_certificate"] is True
    assert common["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_3"
    assert checks["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"prefix": "spiffe://shop/"}}
    ]


def test_the_calling_side_believes_one_identity() -> None:
    """Exactly: a dot in a name stands for a dot."""
    made = sockets.outbound("spiffe://shop/api.v1")["typed_config"]["common_tls_context"]
    checks = made["combined_validation_context"]["default_validation_context"]

    assert checks["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": "spiffe://shop/api.v1"}}
    ]
