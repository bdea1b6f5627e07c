"""What was answered: that botocore can read it, and that nothing is in it that the operation's model does not have."""

import json
import xml.etree.ElementTree as ET

import botocore.parsers
from botocore.compat import HTTPHeaders

from sent import S3_NAMESPACE, parsed_json
from shapes import MISSING, judge, of_json, of_xml, plain, short, wire

# What the front ends answer for every operation, though no model lists it: "Common Error Types" of the API References of
# CloudTrail, AWS Config, EventBridge, IAM, KMS, SNS, SQS and STS, and "Common errors" of the Smithy AWS JSON and query
# protocols.
COMMON = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "InternalError", "InternalFailure", "InvalidAction", "InvalidClientTokenId", "InvalidParameterCombination",
    "InvalidParameterValue", "InvalidQueryParameter", "MalformedQueryString", "MissingAction",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "MissingParameter", "NotAuthorized",
    "OptInRequired", "RequestExpired", "SerializationException", "ServiceUnavailable", "SignatureDoesNotMatch",
    "Throttling", "ThrottlingException", "TooManyRequestsException", "UnknownOperationException",
    "UnrecognizedClientException", "ValidationError", "ValidationException",
}
# Where a model lists next to none: Amazon S3 API Reference, "Error responses", "List of error codes"; Amazon EC2 API
# Reference, "Error codes for the Amazon EC2 API", "Client error codes".
OF_SERVICES = {
    "s3": {
        "AccessDenied", "AuthorizationHeaderMalformed", "BadDigest", "BucketAlreadyExists", "BucketAlreadyOwnedByYou",
        "BucketNotEmpty", "ConditionalRequestConflict", "EntityTooLarge", "ExpiredToken",
        "IllegalLocationConstraintException", "InvalidAccessKeyId", "InvalidArgument",
        "InvalidBucketAclWithObjectOwnership", "InvalidBucketName", "InvalidBucketOwnerAWSAccountID",
        "InvalidBucketState", "InvalidDigest", "InvalidRequest", "InvalidTag", "InvalidToken", "MalformedPolicy",
        "MalformedXML", "MethodNotAllowed", "MissingRequestBodyError", "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchKey",
        "NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration", "NoSuchTagSet", "NotImplemented",
        "ObjectLockConfigurationNotFoundError", "OperationAborted", "OwnershipControlsNotFoundError",
        "PermanentRedirect", "PreconditionFailed", "ReplicationConfigurationNotFoundError", "RequestTimeTooSkewed",
        "ServerSideEncryptionConfigurationNotFoundError", "SlowDown",
    },
    "ec2": {"AuthFailure", "Blocked", "RequestLimitExceeded", "UnauthorizedOperation"},
}
# An answer to HEAD has no body to say more than the status (Amazon S3 API Reference, `HeadBucket`, "Errors").
OF_HEAD = {"301", "400", "403", "404", "412", "500", "503"}


def judge_answer(model, operation, exchange, say):
    protocol = model.metadata["protocol"]
    headers = HTTPHeaders()
    for key, value in exchange.answer_headers:
        headers[key] = value
    response = {"headers": headers, "status_code": exchange.status, "body": exchange.answer, "context": {}}
    try:
        parsed = botocore.parsers.create_parser(protocol).parse(response, operation.output_shape)
    except Exception as error:  # whatever it is: a client that is made like this one cannot read it
        say(f"botocore cannot read it: {type(error).__name__}: {short(str(error), 120)}", exchange.answer[:120])
        return
    if not any(key in headers for key in ("x-amzn-requestid", "x-amz-request-id")):
        say("no request id")
    if exchange.status >= 300:
        judge_error(model, operation, exchange, parsed, say)
        return
    status = operation.http.get("responseCode")
    if status and status != exchange.status:
        say(f"the status is {exchange.status}, and the model has {status}")
    shape = operation.output_shape
    if shape is None:
        if protocol in ("json", "rest-json") and exchange.answer not in (b"", b"{}"):
            say("a body where the model has none", exchange.answer[:120])
        return
    path = f"{operation.name}Output"
    if protocol == "json":
        read = of_json(shape, parsed_json(exchange.answer or b"{}", say), path, say, True)
        if read is not MISSING:
            judge(shape, read, path, say, False)
    elif protocol in ("query", "ec2"):
        of_query(model, operation, exchange, path, say, protocol == "ec2")
    else:
        of_rest(operation, exchange, path, say, protocol == "rest-xml")


def of_query(model, operation, exchange, path, say, ec2):
    shape, root = operation.output_shape, ET.fromstring(exchange.answer)
    if root.tag.replace("/}", "}") != "{%s}%sResponse" % (model.metadata["xmlNamespace"].rstrip("/"), operation.name):
        say("another root element is expected", root.tag)
    if ec2:
        for child in [child for child in root if plain(child.tag) == "requestId"]:
            root.remove(child)
        result = root
    else:
        result = next((child for child in root if plain(child.tag) == f"{operation.name}Result"), None)
        if result is None:
            say(f"there is no {operation.name}Result")
            return
    judge(shape, of_xml(shape, result, path, say), path, say, True)


def of_rest(operation, exchange, path, say, xml):
    shape, headers = operation.output_shape, {key.lower(): text for key, text in exchange.answer_headers}
    value = {}
    for name, member in shape.members.items():
        key = wire(member, name).lower()
        if member.serialization.get("location") == "header" and key in headers:
            value[name] = headers[key]
            judge(member, headers[key], f"{path}.{name}", say, True)
        elif member.serialization.get("location") == "statusCode":
            value[name] = exchange.status
    payload = shape.serialization.get("payload")
    member = shape.members[payload] if payload else shape
    if payload and member.type_name in ("blob", "string"):
        value[payload] = exchange.answer
    elif exchange.method != "HEAD" and exchange.answer:
        if xml:
            root = ET.fromstring(exchange.answer)
            if not root.tag.startswith("{" + S3_NAMESPACE + "}"):
                say("the root element is in another namespace", root.tag)
            # Its root is its only member (Amazon S3 API Reference, `GetBucketLocation`, "Response Syntax").
            if operation.name == "GetBucketLocation":
                return
            body = of_xml(member, root, path, say)
        else:
            inside = {k: m for k, m in shape.members.items() if not m.serialization.get("location")}
            if not payload and not inside:
                if exchange.answer != b"{}":
                    say("a body where the model has none", exchange.answer[:120])
                return
            body = of_json(member, parsed_json(exchange.answer, say), path, say, True)
        if body is not MISSING:
            value.update({payload: body} if payload else body)
            inner = {key: v for key, v in value.items() if not shape.members[key].serialization.get("location")}
            for key, v in inner.items():
                judge(shape.members[key], v, f"{path}.{key}", say, xml)
    for name in shape.required_members:
        if name not in value:
            say(f"{path}.{name}: a required member is missing")


def judge_error(model, operation, exchange, parsed, say):
    service = model.service_name
    # Of a service that spoke the query protocol before, clients get the code of those days, and the model has the new one.
    error = parsed.get("Error", {})
    code = error.get("QueryErrorCode") or error.get("Code")
    if exchange.method == "HEAD":
        if str(exchange.status) not in OF_HEAD:
            say(f"the status is {exchange.status}")
        return
    if not code:
        say("an error without a code", exchange.answer[:120])
        return
    shapes = {}
    for shape in operation.error_shapes:
        shapes[shape.name] = shapes[shape.metadata.get("error", {}).get("code") or shape.name] = shape
    shape = shapes.get(code)
    if shape is None:
        if code not in COMMON and code not in OF_SERVICES.get(service, ()):
            say(f"the error {code} is not among the operation's", exchange.answer[:200])
        return
    status = shape.metadata.get("error", {}).get("httpStatusCode")
    if status and status != exchange.status:
        say(f"the error {code} has the status {exchange.status}, and the model {status}")
    if model.metadata["protocol"] in ("json", "rest-json"):
        known = {wire(member, name).lower() for name, member in shape.members.items()} | {"__type", "message", "type"}
        for key in json.loads(exchange.answer):
            if key.lower() not in known:
                say(f"the error {code} has an unknown member {key}", exchange.answer[:200])
