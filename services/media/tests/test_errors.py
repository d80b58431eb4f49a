from intertie.errors import IntertieError
from intertie_media.errors import Refused


def test_refused_carries_what_the_answer_needs() -> None:
    """Status, code and further members travel with the sentence."""
    refused = Refused("cannot do it: no", status=409, code="no", missing=[[1, 2]])

    assert isinstance(refused, IntertieError)
    assert (str(refused), refused.status, refused.code) == ("cannot do it: no", 409, "no")
    assert refused.members == {"missing": [[1, 2]]}
