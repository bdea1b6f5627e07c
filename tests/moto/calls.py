"""Calls that somebody makes with boto3 as an administrator of an account, in order.

    calls.py '[["ACCOUNT", "REGION", "SERVICE", "OPERATION", {ARGUMENTS}], ...]'

SERVICE and OPERATION are boto3's names. Prints the list of the answers as JSON.
"""

import json
import sys
from functools import cache

from accounts import session

into = cache(session)


def main(calls):
    answers = []
    for account, region, service, operation, arguments in json.loads(calls):
        client = into(account).client(service, region_name=region)
        answer = getattr(client, operation)(**arguments)
        answer.pop("ResponseMetadata")
        answers.append(answer)
    print(json.dumps(answers, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
