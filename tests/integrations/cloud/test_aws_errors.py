"""What AWS and botocore say of failures, in our words."""

import json
from collections.abc import Iterator

import pytest

from intertie.integrations.cloud.aws import AWSIntegration
from intertie.integrations.cloud.aws_errors import sort_of
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    IntegrationError,
    InvalidError,
    SchemaDriftError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from tests.integrations.failing_aws import SECRET, Vendor, serving, staged
from tests.integrations.stage import nobody
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """One that fails."""
    with serving() as made:
        yield made


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ExpiredTokenException", 400, AuthExpiredError),
        ("InvalidClientTokenId", 403, AuthExpiredError),
        ("UnrecognizedClientException", 400, AuthExpiredError),
        ("AccessDeniedException", 400, ScopeMissingError),
        ("ThrottlingException", 400, ThrottledError),
        ("ProvisionedThroughputExceededException", 400, ThrottledError),
        ("SlowDown", 503, ThrottledError),
        ("ResourceNotFoundException", 400, AbsentError),
        ("ConditionalCheckFailedException", 400, ClashError),
        ("ValidationException", 400, InvalidError),
        ("InternalServerError", 500, VendorDownError),
        ("ServiceUnavailable", 503, VendorDownError),
        ("SomethingNew", 400, InvalidError),
        ("SomethingNew", 502, VendorDownError),
        ("SomethingNew", 404, AbsentError),
    ],
)
@pytest.mark.slow
async def test_words_of_failures_become_ours(
    vendor: Vendor, code: str, status: int, kind: type[IntegrationError]
) -> None:
    """By the word, and where that says nothing, by the status."""
    vendor.status = status
    vendor.body = json.dumps({"__type": f"x#{code}", "message": "because of this"}).encode()
    async with staged(vendor.url, retry_policy={"max_attempts": 1}) as (aws, _):
        with pytest.raises(IntegrationError, match="because of this") as caught:
            await aws.call("dynamodb", "put_item", TableName="table", Item={})

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("code", "sort"),
    [
        ("NoSuchBucket", "absent"),
        ("DBInstanceNotFoundFault", "absent"),
        ("InvalidInstanceID.NotFound", "absent"),
        ("BucketAlreadyExists", "clash"),
        ("ResourceConflictException", "clash"),
        ("RequestLimitExceeded", "throttled"),
        ("SignatureDoesNotMatch", "auth"),
        ("UnauthorizedOperation", "forbidden"),
        ("RequestTimeout", "vendor_down"),
        ("LimitExceededException", ""),
        ("InvalidParameterValue", ""),
        ("", ""),
    ],
)
def test_words_are_sorted(code: str, sort: str) -> None:
    """Those of hundreds of services, by how they are made up."""
    assert sort_of(code) == sort


@pytest.mark.slow
async def test_who_cannot_be_reached_is_down() -> None:
    """Nothing listens there; the key is not in the text."""
    with nobody() as url:
        async with staged(url) as (aws, _):
            with pytest.raises(VendorDownError, match=r"cannot be reached") as caught:
                await aws.send_message(queue_url="https://sqs/1/q", message_body="m")

    assert SECRET not in repr(caught.value)
    assert "AKIATEST" not in repr(caught.value)


@pytest.mark.slow
async def test_who_does_not_answer_in_time_is_a_timeout(vendor: Vendor) -> None:
    """By the connection's own timeout."""
    async with staged(vendor.url, timeout=60, retry_policy={"max_attempts": 1}) as (aws, stage):
        with pytest.raises(VendorDownError):  # all is loaded now
            await aws.get_caller_identity()
        vendor.release.clear()  # from now on it keeps silent
        config = IntegrationConfig(name="quick", timeout=1.0, config=aws.config.config)
        quick = stage.registry.register(AWSIntegration, config)
        assert isinstance(quick, AWSIntegration)
        with pytest.raises(VendorTimeoutError):
            await quick.send_message(queue_url="https://sqs/1/q", message_body="m")
        await eventually(lambda: len(vendor.asked) == 2)


@pytest.mark.slow
async def test_what_is_no_answer_of_aws_is_an_error(vendor: Vendor) -> None:
    """Such as the page of a proxy; the attempt is not taken for a success."""
    vendor.status, vendor.body = 200, b"<html>log in to the hotel</html>"
    vendor.headers["content-type"] = "text/html"
    async with staged(vendor.url, retry_policy={"max_attempts": 1}) as (aws, _):
        with pytest.raises(SchemaDriftError, match="cannot be read"):
            await aws.get_caller_identity()
        with pytest.raises(SchemaDriftError, match="a page came"):
            await aws.list_functions()
