"""Judges recorded exchanges by botocore's service models, which AWS makes: `judge.py FILE`, a JSON object on each line.

Each object has run, method, path, query (pairs), headers (pairs), body, status, answer_headers (pairs) and answer; bodies
are hexadecimal. Requests that nobody signed are none of AWS's and are passed over.

Writes one JSON object: how many exchanges were judged, how often each operation was called, and the findings, each kind
once with how often and an example.
"""

import collections
import json
import sys

import botocore.session

from answered import judge_answer
from sent import judge_request, service_of
from shapes import short


class Exchange:
    def __init__(self, line):
        given = json.loads(line)
        self.run, self.method, self.path, self.status = (given[key] for key in ("run", "method", "path", "status"))
        self.query = [tuple(pair) for pair in given["query"]]
        self.headers = {name.lower(): value for name, value in given["headers"]}
        self.names = set(self.headers)
        self.answer_headers = given["answer_headers"]
        self.body, self.answer = bytes.fromhex(given["body"]), bytes.fromhex(given["answer"])

    def header(self, name):
        return self.headers.get(name)


class Findings:
    def __init__(self):
        self.kinds = {}

    def of(self, side, service, operation, exchange):
        def say(rule, example=""):
            key = (side, service, operation[0], rule)
            example = example.decode(errors="replace") if isinstance(example, bytes) else example
            fresh = {"side": side, "service": service, "rule": rule, "run": exchange.run, "count": 0}
            kind = self.kinds.setdefault(key, {**fresh, "operation": operation[0], "example": short(example)})
            kind["count"] += 1

        return say


def main():
    session = botocore.session.get_session()
    known = set(session.get_available_services())
    models, findings, operations, judged = {}, Findings(), collections.Counter(), 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for exchange in map(Exchange, lines):
            service, signed = service_of(exchange)
            # 501: the sandbox says that it has no such operation.
            if service is None or exchange.status == 501:
                continue
            judged += 1
            name = ["?"]
            say = findings.of("request", service, name, exchange)
            if service not in known:
                say("unknown service")
                continue
            if service not in models:
                models[service] = session.get_service_model(service)
            # What is found before the operation is known is said of it all the same.
            early = []
            operation = judge_request(models[service], exchange, lambda *said: early.append(said))
            if operation is not None:
                name[0] = operation.name
            for said in early:
                say(*said)
            # "Host and all x-amz-* headers" (IAM User Guide, "Create a signed AWS API request").
            for header in {key for key in exchange.names if key.startswith("x-amz-")} - set(signed):
                say(f"the header {header} is not signed")
            operations[f"{service}:{name[0]}"] += 1
            if operation is not None:
                judge_answer(models[service], operation, exchange, findings.of("answer", service, name, exchange))
    kinds = [findings.kinds[key] for key in sorted(findings.kinds)]
    json.dump({"judged": judged, "operations": operations, "findings": kinds}, sys.stdout)


main()
