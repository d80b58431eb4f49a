"""AWS: what botocore sends is judged by a server that implements it, failures by one that fails."""

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import pytest
from anyio import create_task_group, sleep, to_thread

from intertie.integrations.call import Tools
from intertie.integrations.cloud.aws import AWSIntegration
from intertie.integrations.cloud.aws_clients import Identity, clients_of
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.errors import (
    AbsentError,
    ClashError,
    InvalidError,
    LoopError,
    VendorDownError,
)
from intertie.integrations.registry import IntegrationRegistry
from tests.integrations.failing_aws import KEYS, SECRET, Vendor, serving, staged
from tests.integrations.stage import Played, Stage
from tests.moto import moto as serving_aws

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Its address; all that it keeps is gone afterwards."""
    with serving_aws() as address:
        yield address


@asynccontextmanager
async def connected(url: str, **told: Any) -> AsyncIterator[AWSIntegration]:
    """A connection, in a registry of its own."""
    registry = IntegrationRegistry(Tools(Played()))
    config = IntegrationConfig(name="main", config={**KEYS, "endpoint_url": url, **told})
    made = registry.register(AWSIntegration, config)
    assert isinstance(made, AWSIntegration)
    try:
        yield made
    finally:
        await registry.aclose()


async def bucket(aws: AWSIntegration) -> str:
    """A new one."""
    name = f"b-{uuid4()}"
    await aws.call(
        "s3",
        "create_bucket",
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": KEYS["region"]},
    )
    return name


@pytest.mark.slow
async def test_the_probe_finds_out_who_we_are(moto: str) -> None:
    """Whatever `services` may be called otherwise."""
    async with connected(moto, services=["s3", "lambda", "sqs", "sns"]) as aws:
        assert await aws.initialize()

        assert aws.status is IntegrationStatus.HEALTHY
        assert (await aws.get_caller_identity()).account == "123456789012"


@pytest.mark.slow
async def test_objects_come_back_as_they_were(moto: str) -> None:
    """Stored, read, read in part, and gone."""
    async with connected(moto) as aws:
        name = await bucket(aws)
        stored = await aws.put_object(
            bucket=name,
            object_key="a b/ü.bin",
            body=b"\x00\xff" * 500,
            content_type="audio/flac",
            metadata={"artist": "ada"},
        )
        whole = await aws.get_object(bucket=name, object_key="a b/ü.bin")
        part = await aws.get_object(bucket=name, object_key="a b/ü.bin", range="bytes=1-2")
        await aws.delete_object(bucket=name, object_key="a b/ü.bin")
        with pytest.raises(AbsentError, match="does not exist") as caught:
            await aws.get_object(bucket=name, object_key="a b/ü.bin")

    assert (whole.body, part.body) == (b"\x00\xff" * 500, b"\xff\x00")
    assert (whole.e_tag, whole.metadata) == (stored.e_tag, {"artist": "ada"})
    assert whole.content_type == "audio/flac"
    assert caught.value.status == 404


@pytest.mark.slow
async def test_all_objects_are_listed_over_pages(moto: str) -> None:
    """Each once, in order; at most so many when that is said."""
    async with connected(moto) as aws:
        name = await bucket(aws)
        names = [f"k/{number}" for number in range(7)]
        async with create_task_group() as group:
            for each in [*names, "other"]:
                group.start_soon(put, aws, name, each)
        pages = [p async for p in aws.list_objects.pages(bucket=name, prefix="k/", max_keys=3)]
        some = aws.list_objects.every(bucket=name, max_keys=3, at_most=5)

        assert [each.object_key async for each in some] == names[:5]

    assert [len(page.contents) for page in pages] == [3, 3, 1]
    assert [each.object_key for page in pages for each in page.contents] == names


async def put(aws: AWSIntegration, name: str, key: str) -> None:
    """A small one."""
    await aws.put_object(bucket=name, object_key=key, body=key.encode())


@pytest.mark.slow
async def test_a_presigned_address_needs_no_key(moto: str) -> None:
    """Whoever has it reads; the secret is not in it."""
    async with connected(moto) as aws:
        name = await bucket(aws)
        await put(aws, name, "k")
        url = await aws.presign(name, "k", expires_s=60)
        with pytest.raises(InvalidError, match="expires_s"):
            await aws.presign(name, "k", expires_s=8 * 86_400)

    def read() -> bytes:
        with urlopen(url, timeout=60) as answer:  # noqa: S310 - an address of the test's server
            return bytes(answer.read())

    assert await to_thread.run_sync(read) == b"k"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert SECRET not in url


@pytest.mark.slow
async def test_messages_go_through_a_queue(moto: str) -> None:
    """Sent, received, and gone once deleted."""
    async with connected(moto) as aws:
        queue = (await aws.call("sqs", "create_queue", QueueName="plain"))["QueueUrl"]
        sent = await aws.send_message(queue_url=queue, message_body="hello")
        got = (await aws.receive_messages(queue_url=queue, visibility_timeout=0)).messages
        await aws.delete_message(queue_url=queue, receipt_handle=got[0].receipt_handle)
        left = await aws.receive_messages(queue_url=queue)

    assert [(each.message_id, each.body) for each in got] == [(sent.message_id, "hello")]
    assert left.messages == []


@pytest.mark.slow
async def test_a_message_with_a_key_is_in_the_queue_once(moto: str) -> None:
    """An ordered queue knows the key, so that sending again is safe."""
    async with connected(moto) as aws:
        made = await aws.call(
            "sqs", "create_queue", QueueName="one.fifo", Attributes={"FifoQueue": "true"}
        )
        told = {"queue_url": made["QueueUrl"], "message_body": "pay", "message_group_id": "g"}
        first = await aws.send_fifo_message(**told, key="order-1")
        await aws.send_fifo_message(**told, key="order-1")
        got = await aws.receive_messages(queue_url=made["QueueUrl"])

    assert [each.message_id for each in got.messages] == [first.message_id]


@pytest.mark.slow
async def test_what_is_published_reaches_a_queue(moto: str) -> None:
    """SNS to SQS."""
    async with connected(moto) as aws:
        queue = (await aws.call("sqs", "create_queue", QueueName="ears"))["QueueUrl"]
        told = await aws.call(
            "sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["QueueArn"]
        )
        topic = (await aws.call("sns", "create_topic", Name="news"))["TopicArn"]
        arn = told["Attributes"]["QueueArn"]
        await aws.call("sns", "subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn)
        sent = await aws.publish(topic_arn=topic, message="it rains", subject="weather")
        got = (await aws.receive_messages(queue_url=queue)).messages

    heard = json.loads(got[0].body)
    assert (heard["Message"], heard["Subject"]) == ("it rains", "weather")
    assert heard["MessageId"] == sent.message_id


@pytest.mark.slow
async def test_functions_are_listed_over_pages(moto: str) -> None:
    """And one that there is not cannot be called."""
    async with connected(moto) as aws:
        trust = {"Version": "2012-10-17", "Statement": []}
        role = await aws.call(
            "iam", "create_role", RoleName="r", AssumeRolePolicyDocument=json.dumps(trust)
        )
        for number in range(3):
            await aws.call(
                "lambda",
                "create_function",
                FunctionName=f"f{number}",
                Runtime="python3.12",
                Role=role["Role"]["Arn"],
                Handler="m.f",
                Code={"ZipFile": zipped()},
            )
        found = [each async for each in aws.list_functions.every()]
        with pytest.raises(AbsentError, match="aws has no such thing"):
            await aws.invoke_function(function_name="none", payload=b"{}")

    assert [each.function_name for each in found] == ["f0", "f1", "f2"]
    assert found[0].runtime == "python3.12"


def zipped() -> bytes:
    """A program that does nothing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m.py", "def f(event, context): return 1")
    return file.getvalue()


@pytest.mark.slow
async def test_any_service_can_be_called(moto: str) -> None:
    """By the names and with the values that boto3 has for it."""
    async with connected(moto) as aws:
        await aws.call(
            "dynamodb",
            "create_table",
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        names = await aws.call("dynamodb", "list_tables", Limit=10)
        with pytest.raises(ClashError):
            await aws.call(
                "dynamodb",
                "create_table",
                TableName="t",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    assert names == {"TableNames": ["t"]}


@pytest.mark.slow
async def test_calls_at_once_leave_the_loop_alone(moto: str) -> None:
    """Two hundred, on one client; another task is served all the while."""
    async with connected(moto) as aws:
        name = await bucket(aws)
        await put(aws, name, "k")
        done, beats, bodies = False, 0, list[bytes]()

        async def beat() -> None:
            nonlocal beats
            while not done:
                beats += 1
                await sleep(0.001)

        async def read() -> None:
            bodies.append((await aws.get_object(bucket=name, object_key="k")).body)

        async with create_task_group() as whole:
            whole.start_soon(beat)
            async with create_task_group() as group:
                for _ in range(200):
                    group.start_soon(read)
            done = True
        clients = clients_of(aws.tools)

    assert bodies == [b"k"] * 200
    assert beats > 20
    assert clients.made == 1


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """One that fails."""
    with serving() as made:
        yield made


@pytest.mark.slow
async def test_only_our_own_attempts_are_made(vendor: Vendor) -> None:
    """Botocore makes none of its own; what writes is not tried again, unless AWS takes a key."""
    async with staged(vendor.url) as (aws, stage):
        with pytest.raises(VendorDownError):
            await aws.call("dynamodb", "list_tables")
        assert (len(vendor.asked), len(stage.pauses)) == (3, 2)
        with pytest.raises(VendorDownError):
            await aws.call("dynamodb", "put_item", TableName="table", Item={})
        assert len(vendor.asked) == 4


@pytest.mark.slow
async def test_a_key_of_awss_own_is_the_same_at_each_attempt(vendor: Vendor) -> None:
    """Botocore would make another one each time; one that is given stays."""
    async with staged(vendor.url, circuit_breaker={"failure_threshold": 50}) as (aws, _):
        for given in ({}, {"ClientRequestToken": "c" * 40}):
            with pytest.raises(VendorDownError):
                await aws.call("dynamodb", "transact_write_items", TransactItems=[{}], **given)
            with pytest.raises(VendorDownError):
                await aws.call("secretsmanager", "create_secret", Name="n", **given)

        with pytest.raises(VendorDownError):  # here it is required, and need not be given
            await aws.call("fis", "start_experiment", experimentTemplateId="e")

    required = [json.loads(body)["clientToken"] for body in vendor.bodies[12:]]
    assert (len(required), len(set(required))) == (3, 1)
    tokens = [json.loads(body).get("ClientRequestToken") for body in vendor.bodies[:12]]
    assert len(tokens) == 12
    assert [len(set(tokens[i : i + 3])) for i in (0, 3, 6, 9)] == [1, 1, 1, 1]
    assert len({*tokens[:6]}) == 2
    assert {*tokens[6:]} == {"c" * 40}


@pytest.mark.slow
async def test_pages_that_go_round_are_noticed(vendor: Vendor) -> None:
    """The same marker again and again."""
    vendor.status, vendor.body = 200, b'{"Functions": [], "NextMarker": "same"}'
    async with staged(vendor.url) as (aws, _):
        with pytest.raises(LoopError):
            [each async for each in aws.list_functions.every()]

    assert len(vendor.asked) == 2


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "why"),
    [
        ("dynamo", "list_tables", {}, "'dynamo': there is none; did you mean dynamodb"),
        ("dynamodb", "list_table", {}, "no such operation; did you mean list_tables"),
        ("dynamodb", "describe_table", {}, "TableName: missing required field"),
        ("dynamodb", "list_tables", {"Most": 1}, "Most: unknown field"),
        ("dynamodb", "list_tables", {"Limit": "the password"}, "Limit: invalid type"),
        ("kinesis", "subscribe_to_shard", {"ConsumerARN": "a"}, "it is a stream"),
        ("sts", "get_caller_identity", {"Who": 1}, "Who: unknown field"),
    ],
)
@pytest.mark.slow
async def test_what_botocore_does_not_know_is_not_sent(
    vendor: Vendor, service: str, operation: str, arguments: Mapping[str, Any], why: str
) -> None:
    """Nor is a value shown that may be a secret."""
    async with staged(vendor.url) as (aws, _):
        with pytest.raises(InvalidError, match=re.escape(why)) as caught:
            await aws.call(service, operation, **arguments)

    assert vendor.asked == []
    assert "password" not in str(caught.value)


@pytest.mark.slow
async def test_only_the_services_that_are_named_may_be_called(vendor: Vendor) -> None:
    """Typed or not; nothing is sent."""
    stage = Stage()
    config = {**KEYS, "endpoint_url": vendor.url, "services": ["s3"]}
    aws = stage.made(AWSIntegration, config=config)

    with pytest.raises(InvalidError, match="its `services` are s3"):
        await aws.publish(topic_arn="arn:aws:sns:eu-west-1:1:t", message="m")
    with pytest.raises(InvalidError, match="its `services` are s3"):
        await aws.call("sts", "assume_role", RoleArn="r" * 20, RoleSessionName="n")
    await stage.registry.aclose()

    assert vendor.asked == []


@pytest.mark.slow
async def test_a_service_that_there_is_not_keeps_a_connection_closed(vendor: Vendor) -> None:
    """It is told when it is opened, with the nearest word."""
    stage = Stage()
    aws = stage.made(AWSIntegration, config={**KEYS, "services": ["s3", "lambdas"]})

    opened = await stage.registry.enable_all()
    await stage.registry.aclose()

    assert list(opened.values()) == [False]
    assert "did you mean lambda?" in aws.trouble


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"region": "eu-west-1"}, "give `access_key_id` and `secret_access_key`"),
        ({**KEYS, "profile": "p"}, "or `profile`"),
        ({**KEYS, "region": "evil.example/#"}, "region"),
        ({**KEYS, "endpoint_url": "http://user@host"}, "endpoint_url"),
    ],
)
def test_a_config_that_cannot_work_is_refused(config: dict[str, Any], why: str) -> None:
    """The secret is not shown."""
    with pytest.raises(InvalidError, match=re.escape(why)) as caught:
        Stage().made(AWSIntegration, config=config)

    assert SECRET not in str(caught.value)


def test_no_secret_is_shown() -> None:
    """Neither by the connection nor by what it is told."""
    aws = Stage().made(AWSIntegration, config={**KEYS, "session_token": f"{SECRET}-too"})

    identity = Identity("AKIATEST", SECRET, SECRET)
    shown = f"{aws!r} {aws.settings!r} {aws.config!r} {identity!r} {identity.digest}"
    assert SECRET not in shown
