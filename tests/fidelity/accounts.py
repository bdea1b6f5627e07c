"""boto3 in the accounts of a sandbox, each entered by its AWS profile, with boto3's own check of what is sent."""

import botocore.config
import botocore.exceptions
import boto3

CONFIG = botocore.config.Config(
    parameter_validation=True, retries={"max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})


# What may be refused or not: whichever, the judge sees it.
EITHER = "either"


class Account:
    def __init__(self, name):
        self.session = boto3.Session(profile_name=name)
        self.clients = {}
        who = self.call("sts", "get_caller_identity")
        self.id, self.partition, self.home = who["Account"], who["Arn"].split(":")[1], self.session.region_name
        # IAM's, and the only one whose buckets are made without saying where.
        self.center = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1",
                       "aws-eusc": "eusc-de-east-1"}[self.partition]

    def call(self, service, operation, refused=None, **arguments):
        """Calls; where it is to be refused, the code has to be this one."""
        region = self.center if service == "iam" else None
        if service not in self.clients:
            self.clients[service] = self.session.client(service, region_name=region, config=CONFIG)
        try:
            answer = getattr(self.clients[service], operation)(**arguments)
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if refused not in (code, EITHER):
                raise SystemExit(f"{service}.{operation} {arguments}: {error}")
            return {}
        if refused not in (None, EITHER):
            raise SystemExit(f"{service}.{operation} {arguments}: {refused} is expected")
        return answer

    def arn(self, service, resource, region=True):
        return f"arn:{self.partition}:{service}:{self.home if region else ''}:{self.id}:{resource}"


def ids():
    """The ids of the accounts, each the name of a profile."""
    return sorted(name for name in boto3.Session().available_profiles if len(name) == 12 and name.isdigit())
