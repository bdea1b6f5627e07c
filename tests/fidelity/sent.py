"""What was asked: the operation of a request, and everything in the request that the operation's model does not allow."""

import base64
import hashlib
import json
import re
import urllib.parse
import xml.etree.ElementTree as ET
import zlib

from shapes import MISSING, judge, of_form, of_json, of_xml, plain, short, wire

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# What HTTP and Signature Version 4 need, and what SDKs tell of themselves.
OF_EVERY_REQUEST = {
    "accept", "accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "authorization", "connection",
    "content-encoding", "content-length", "content-md5", "content-type", "expect", "host", "transfer-encoding",
    "user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length", "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token", "x-amz-trailer", "x-amz-user-agent",
}
SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+)")
# Made once: the operations of a REST service by method.
ROUTES = {}


def service_of(exchange):
    """The service that a request is signed for, and the headers that are signed; none where it is not signed."""
    found = SCOPE.search(exchange.header("authorization") or "")
    return (found[2], found[3].split(";")) if found else (None, [])


def judge_request(model, exchange, say):
    """Judges a request; answers its operation where there is one."""
    protocol = model.metadata["protocol"]
    if protocol == "json":
        return of_json_rpc(model, exchange, say)
    if protocol in ("query", "ec2"):
        return of_query(model, exchange, say, protocol == "ec2")
    return of_rest(model, exchange, say)


def of_json_rpc(model, exchange, say):
    prefix, _, name = (exchange.header("x-amz-target") or "").rpartition(".")
    # botocore has the prefix of the old model; Smithy's is its last part, and SDKs that are made from it send that
    # (Smithy, AWS JSON 1.1 protocol, "Protocol behaviors": `X-Amz-Target` is the service's shape name and the operation).
    own = model.metadata["targetPrefix"]
    if prefix not in (own, own.rsplit(".", 1)[-1]):
        say("wrong prefix in X-Amz-Target", prefix)
    kind = exchange.header("content-type")
    if kind != "application/x-amz-json-" + model.metadata["jsonVersion"]:
        say("wrong content type", kind)
    if (exchange.method, exchange.path, exchange.query) != ("POST", "/", []):
        say("it is not POST /", f"{exchange.method} {exchange.path}")
    if name not in model.operation_names:
        say("unknown operation", name)
        return None
    operation = model.operation_model(name)
    value = parsed_json(exchange.body or b"{}", say)
    if operation.input_shape is None:
        if value:
            say("a body where none is expected", value)
    else:
        whole(operation.input_shape, of_json(operation.input_shape, value, name, say, False), name, say, False)
    return operation


def of_query(model, exchange, say, ec2):
    pairs = urllib.parse.parse_qsl(exchange.body.decode(), keep_blank_values=True) + exchange.query
    form = dict(pairs)
    if len(form) != len(pairs):
        say("a parameter is there twice", short(pairs))
    name, version = form.pop("Action", None), form.pop("Version", None)
    if version != model.api_version:
        say("wrong Version", version)
    kind = exchange.header("content-type") or ""
    if not kind.startswith("application/x-www-form-urlencoded"):
        say("wrong content type", kind)
    if name not in model.operation_names:
        say("unknown operation", name)
        return None
    operation = model.operation_model(name)
    used = set()
    if operation.input_shape is not None:
        value = of_form(operation.input_shape, "", form, used, ec2)
        whole(operation.input_shape, {} if value is MISSING else value, name, say, True)
    for key in sorted(set(form) - used):
        say(f"unknown parameter {key}", form[key])
    return operation


def whole(shape, value, path, say, text):
    if value is not MISSING:
        judge(shape, value, path, say, text)


def parsed_json(body, say):
    try:
        return json.loads(body)
    except ValueError as error:
        say(f"the body is not JSON: {error}", body[:120])
        return {}


# ---------------------------------------------------------------------------------------------------------------------
# REST


def routes(model):
    """Every operation by method: path segments, the query that is its own, and what it cannot be told apart without."""
    found = ROUTES.get(model.service_name)
    if found is None:
        found = ROUTES[model.service_name] = {}
        for name in model.operation_names:
            operation = model.operation_model(name)
            path, _, query = operation.http["requestUri"].partition("?")
            fixed = urllib.parse.parse_qsl(query, keep_blank_values=True)
            needed = []
            shape = operation.input_shape
            for member in shape.required_members if shape is not None else ():
                where = shape.members[member].serialization.get("location")
                if where in ("querystring", "header"):
                    needed.append((where, wire(shape.members[member], member).lower()))
            # S3's old forms of an operation have the same path as the new one, directory buckets that of the list.
            latest = not operation.deprecated and "Directory" not in name
            segments = path.split("/")[1:]
            found.setdefault(operation.http["method"], []).append((name, segments, fixed, needed, latest))
    return found


def labels_of(segments, wanted):
    """The labels of a path; none where it is another one."""
    labels = {}
    if wanted[-1].endswith("+}"):
        rest = "/".join(segments[len(wanted) - 1 :])
        if not rest:
            return None
        labels[wanted[-1][1:-2]] = urllib.parse.unquote(rest)
        segments, wanted = segments[: len(wanted) - 1], wanted[:-1]
    elif len(segments) == len(wanted) + 1 and segments[-1] == "":
        segments = segments[:-1]
    if len(segments) != len(wanted):
        return None
    for have, want in zip(segments, wanted):
        if want.startswith("{") and have:
            labels[want[1:-1]] = urllib.parse.unquote(have)
        elif have != want:
            return None
    return labels


def route(model, exchange):
    """The operation that method, path and query say, its labels, and the rest of the query."""
    names = {key.lower() for key, _ in exchange.query}
    said = dict(exchange.query).get("x-id")
    best = None
    for name, wanted, fixed, needed, latest in routes(model).get(exchange.method, []):
        labels = labels_of(exchange.path.split("/")[1:], wanted)
        if labels is None or any(pair not in exchange.query for pair in fixed):
            continue
        if any(key not in (names if where == "querystring" else exchange.names) for where, key in needed):
            continue
        rank = (name == said, len(fixed) + len(needed), -len(labels), latest)
        if best is None or rank > best[0]:
            best = (rank, name, labels, [pair for pair in exchange.query if pair not in fixed])
    return best[1:] if best else None


def of_rest(model, exchange, say):
    found = route(model, exchange)
    if not found:
        say("no operation has this method and path", f"{exchange.method} {exchange.path} {exchange.query}")
        return None
    name, labels, pairs = found
    said = dict(exchange.query).get("x-id", name)
    if said != name:
        say(f"x-id says {said}", name)
    operation = model.operation_model(name)
    body = unchunked(exchange)
    checksums(operation, exchange, body, say)
    shape = operation.input_shape
    if shape is None:
        if body:
            say("a body where none is expected", body[:100])
        return operation
    value, query, headers = {}, {"x-id"}, set(OF_EVERY_REQUEST)
    for member, inner in shape.members.items():
        where, key = inner.serialization.get("location"), wire(inner, member)
        if where == "uri":
            given = [labels[key]] if key in labels else []
        elif where == "querystring":
            query.add(key)
            given = [text for name_, text in pairs if name_ == key]
        elif where == "header":
            headers.add(key.lower())
            text = exchange.header(key.lower())
            given = [] if text is None else [text]
        elif where == "headers":
            headers.update(name_ for name_ in exchange.names if name_.startswith(key.lower()))
            continue
        else:
            continue
        if given:
            value[member] = given if inner.type_name == "list" else given[0]
            judge(inner, value[member], f"{name}.{member}", say, True)
    for key, text in pairs:
        if key not in query:
            say(f"unknown query parameter {key}", text)
    for key in exchange.names - headers:
        if not key.startswith("x-amz-checksum-"):
            say(f"unknown header {key}", exchange.header(key))
    value.update(body_of(model, operation, body, exchange, say))
    for member in shape.required_members:
        if member not in value:
            say(f"{name}.{member}: a required member is missing")
    return operation


def body_of(model, operation, body, exchange, say):
    """The members that the body holds, judged."""
    shape, name = operation.input_shape, operation.name
    payload = shape.serialization.get("payload")
    if payload:
        member = shape.members[payload]
        if member.type_name == "blob":
            return {payload: body}
        if not body:
            return {}
        if member.type_name == "string":
            judge(member, body.decode(), f"{name}.{payload}", say, True)
        elif model.metadata["protocol"] == "rest-xml":
            xml_body(member, body, payload, name, say)
        else:
            read = of_json(member, parsed_json(body, say), f"{name}.{payload}", say, False)
            whole(member, read, f"{name}.{payload}", say, False)
        return {payload: body}
    inside = {key: inner for key, inner in shape.members.items() if not inner.serialization.get("location")}
    if model.metadata["protocol"] == "rest-xml" or not inside:
        if body:
            say("a body where none is expected", body[:100])
        return {}
    found = {}
    if body:
        if exchange.header("content-type") != "application/json":
            say("wrong content type", exchange.header("content-type"))
        known = {wire(inner, key): key for key, inner in inside.items()}
        for key, inner in parsed_json(body, say).items():
            if key not in known:
                say(f"unknown member {key} of {shape.name}", inner)
                continue
            member = shape.members[known[key]]
            path = f"{name}.{known[key]}"
            found[known[key]] = of_json(member, inner, path, say, False)
            whole(member, found[known[key]], path, say, False)
    return found


def xml_body(member, body, payload, name, say):
    try:
        root = ET.fromstring(body)
    except ET.ParseError as error:
        say(f"the body is not XML: {error}", body[:120])
        return
    namespace = (member.serialization.get("namespace") or {}).get("uri") or S3_NAMESPACE
    if plain(root.tag) != wire(member, payload):
        say(f"the root element is {plain(root.tag)}, not {wire(member, payload)}")
    if not root.tag.startswith("{" + namespace + "}"):
        say("the root element is in another namespace", root.tag)
    path = f"{name}.{payload}"
    whole(member, of_xml(member, root, path, say, namespace), path, say, True)


def unchunked(exchange):
    """The body without the frames of `aws-chunked`."""
    if "aws-chunked" not in (exchange.header("content-encoding") or ""):
        return exchange.body
    rest, out = exchange.body, b""
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if not size:
            break
        out, rest = out + rest[:size], rest[size + 2 :]
    return out


def checksums(operation, exchange, body, say):
    sent = {key for key in exchange.names if key.startswith("x-amz-checksum-") and key != "x-amz-checksum-mode"}
    demanded = (operation.http_checksum or {}).get("requestChecksumRequired") or operation.http_checksum_required
    if demanded and not sent and not exchange.header("content-md5") and not exchange.header("x-amz-trailer"):
        say("a checksum is demanded and none is sent")
    digests = {
        "content-md5": lambda: base64.b64encode(hashlib.md5(body).digest()),
        "x-amz-checksum-crc32": lambda: base64.b64encode(zlib.crc32(body).to_bytes(4, "big")),
        "x-amz-checksum-sha256": lambda: base64.b64encode(hashlib.sha256(body).digest()),
        "x-amz-content-sha256": lambda: hashlib.sha256(exchange.body).hexdigest().encode(),
    }
    for key, digest in digests.items():
        text = exchange.header(key)
        if text and not text.startswith(("UNSIGNED", "STREAMING")) and digest().decode() != text:
            say(f"{key} is wrong", text)
