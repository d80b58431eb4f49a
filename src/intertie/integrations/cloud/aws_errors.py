"""What AWS's words for failures mean, and what botocore's own failures are."""

import re
from typing import Any

from intertie.integrations.data import Errors
from intertie.integrations.errors import (
    AuthExpiredError,
    IntegrationError,
    InvalidError,
    SchemaDriftError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Response

_SORTS = {
    "auth": r"""ExpiredToken(Exception)?|RequestExpired|TokenRefreshRequired|AuthFailure
        |Invalid(ClientTokenId|AccessKeyId|Token|Signature(Exception)?)|UnrecognizedClient(Exception)?
        |SignatureDoesNotMatch|IncompleteSignature(Exception)?|MissingAuthenticationToken(Exception)?
        |MissingSecurityHeader|NotSignedUp""",
    "forbidden": r"""AccessDenied(Exception|Fault)?|AllAccessDisabled|AccountProblem|OptInRequired
        |Unauthorized(Operation|Exception)?|AuthorizationError(Exception)?|NotAuthorized(Exception)?
        |KMSAccessDenied(Exception)?|KMS\.AccessDeniedException""",
    "throttled": r"""Throttl(ing|ed)(Exception)?|RequestThrottled(Exception)?|SlowDown(Read|Write)?
        |TooManyRequests(Exception)?|ProvisionedThroughputExceeded(Exception)?|RequestLimitExceeded
        |BandwidthLimitExceeded|PriorRequestNotComplete|EC2ThrottledException|ThrottlingError
        |KMSThrottlingException|KmsThrottled|RequestThrottlingException|Reduce""",
    "vendor_down": r"""Internal(Error|Failure|ServerError|ServerException|ServiceError)(Exception)?
        |Service(Unavailable|Exception|Failure)(Exception)?|RequestTimeout(Exception)?|Unavailable""",
    "absent": r"""NoSuch\w+|[\w.]*(NotFound|NonExistent)\w*|QueueDoesNotExist""",
    "clash": r"""\w*Conflict(Exception)?|\w*AlreadyExists(Exception|Fault)?
        |ResourceInUse(Exception)?|BucketAlreadyOwnedByYou|OperationAborted|QueueNameExists
        |ConditionalCheckFailed(Exception)?
        |PreconditionFailed(Exception)?|IdempotentParameterMismatch(Exception)?""",
}
_PATTERNS = {sort: re.compile(pattern, re.VERBOSE) for sort, pattern in _SORTS.items()}

ERRORS = Errors(
    message=("message",),
    code=("code", "sort"),
    code_from=400,
    codes={sort: sort for sort in _SORTS},
)
"""Of answers that `refused` makes."""

_LOGINS = re.compile(
    r"""(No|Partial|Unknown)Credential(s)?Error|CredentialRetrievalError|TokenRetrievalError
    |NoAuthTokenError|ProfileNotFound|MetadataRetrievalError|InvalidConfigError|SSO\w+|Login\w+
    |UnauthorizedSSOTokenError|RefreshWithMFAUnsupportedError""",
    re.VERBOSE,
)


def refused(told: Any) -> Response:
    """What a service answered, of botocore's ClientError; Any: botocore's own table."""
    error, meta = told.get("Error", {}), told.get("ResponseMetadata", {})
    code = str(error.get("Code") or "").removeprefix("AWS.SimpleQueueService.")
    says = {"code": code, "sort": sort_of(code), "message": str(error.get("Message") or "")}
    return Response(meta.get("HTTPStatusCode") or 400, meta.get("HTTPHeaders") or {}, told=says)


def sort_of(code: str) -> str:
    """A word of Errors for AWS's word; empty where the status says as much."""
    return next((sort for sort, known in _PATTERNS.items() if known.fullmatch(code)), "")


def failed(exc: Exception, what: str) -> IntegrationError:
    """What botocore itself raised. Its texts may show addresses and parameters: they are not told.

    Nothing was sent unless it is about the network.
    """
    from botocore import exceptions as known

    name = type(exc).__name__
    cause = getattr(exc, "kwargs", {}).get("error")
    if isinstance(exc, known.ReadTimeoutError | known.ConnectTimeoutError):
        return VendorTimeoutError(f"cannot {what}: AWS did not answer in time")
    if isinstance(exc, known.HTTPClientError | known.ConnectionError | known.IncompleteReadError):
        why = type(cause).__name__ if cause is not None else name
        return VendorDownError(f"cannot {what}: AWS cannot be reached ({why})")
    if _LOGINS.fullmatch(name):
        return AuthExpiredError(f"cannot {what}: its credentials cannot be used ({name})")
    if name.endswith("ChecksumError") or not isinstance(exc, known.BotoCoreError):
        return SchemaDriftError(f"cannot {what}: AWS answered what cannot be read ({name})")
    return InvalidError(f"cannot {what}: botocore refuses it ({name})")
