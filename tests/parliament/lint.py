"""What parliament, a linter of IAM policies that other people wrote, says of policy documents.

    lint.py < DOCUMENTS

DOCUMENTS is a JSON object of policy documents by name. Prints a JSON list of `{"document", "sid", "issue", "detail"}`,
one for each finding; `sid` is null where a finding is about the whole document.
"""

import json
import sys
import warnings

# parliament asks setuptools for its data files in a way that setuptools warns about.
warnings.filterwarnings("ignore")

import parliament  # noqa: E402


def findings(name, document):
    policy = parliament.analyze_policy_string(json.dumps(document))
    of_statements = [(statement.sid, finding) for statement in policy.statements for finding in statement.findings]
    for sid, finding in [(None, finding) for finding in policy._findings] + of_statements:
        yield {"document": name, "sid": sid, "issue": finding.issue, "detail": finding.detail}


def main():
    documents = json.load(sys.stdin)
    print(json.dumps([finding for name, document in documents.items() for finding in findings(name, document)]))


if __name__ == "__main__":
    main()
