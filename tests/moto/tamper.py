"""What somebody in an account does behind our back, with boto3.

    tamper.py stop-logging ACCOUNT REGION TRAIL
    tamper.py drop-statement ACCOUNT REGION BUCKET SID
    tamper.py add-statement ACCOUNT REGION BUCKET SID
    tamper.py show-policy ACCOUNT REGION BUCKET
"""

import json
import sys

from accounts import session


def main(what, account, region, *names):
    aws = session(account)
    if what == "stop-logging":
        (trail,) = names
        aws.client("cloudtrail", region_name=region).stop_logging(Name=trail)
        return
    bucket, *rest = names
    s3 = aws.client("s3", region_name=region)
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    if what == "show-policy":
        print(json.dumps(policy))
        return
    (sid,) = rest
    if what == "drop-statement":
        policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != sid]
    elif what == "add-statement":
        policy["Statement"].append(
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        )
    else:
        sys.exit(f"unknown: {what}")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


if __name__ == "__main__":
    main(*sys.argv[1:])
