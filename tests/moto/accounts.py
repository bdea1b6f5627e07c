"""Into an account of the estate, with boto3 and without our code."""

import boto3


def session(account):
    """An administrator's session in an account.

    moto decides by the access key which account a call is for, and hands out a key of the account that the role's
    ARN names, whether or not the role exists (moto/sts/models.py, `assume_role`); AWS would refuse that.
    """
    answer = boto3.client("sts", region_name="us-east-1").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/Administrator", RoleSessionName="other-people"
    )
    keys = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name="us-east-1",
    )


def enabled_regions(aws):
    """The Regions of the partition `aws` that an account has enabled.

    Asked for enabled Regions, moto also lists other partitions' and those not opted in (moto/ec2/models/
    availability_zones_and_regions.py); AWS lists neither (EC2 API Reference, `DescribeRegions`, `AllRegions`).
    """
    partition = set(aws.get_available_regions("sts", partition_name="aws"))
    listed = aws.client("ec2").describe_regions()["Regions"]
    return sorted(
        region["RegionName"]
        for region in listed
        if region["OptInStatus"] != "not-opted-in" and region["RegionName"] in partition
    )
