"""Makes the jump account's user and the roles of the other hops.

    estate.py JUMP SECURITY:ROLE PROJECT:ROLE...

Prints the user's access key as `{"AWS_ACCESS_KEY_ID": …, "AWS_SECRET_ACCESS_KEY": …}`.
"""

import json
import sys

from accounts import session


def trust(account):
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def main(jump, *hops):
    iam = session(jump).client("iam")
    iam.create_user(UserName="operator")
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    trusted = jump
    for index, hop in enumerate(hops):
        account, role = hop.split(":")
        session(account).client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust(trusted))
        if index == 0:
            trusted = account
    print(json.dumps({"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
