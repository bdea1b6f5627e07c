"""Reads every account and Region with boto3, none of our code, and says what is not as it must be.

    audit.py MODE SECURITY HOME_REGION PREFIX ACCOUNT...

MODE is `per-region` or `multi-region`; PREFIX may be empty; the ACCOUNTs are all accounts. Prints what was looked at
as JSON; exit 1 with a line for each finding if there is any.
"""

import json
import sys

from accounts import enabled_regions, session

BUCKET_TAGS = TRAIL_TAGS = {"ManagedBy": "baseline", "Baseline": "minimal"}


class Audit:
    def __init__(self, mode, security, home, prefix, accounts):
        self.mode, self.security, self.home, self.prefix, self.accounts = mode, security, home, prefix, accounts
        self.findings = []
        self.trails = 0
        self.regions = {}

    def expect(self, holds, finding):
        if not holds:
            self.findings.append(finding)

    def run(self):
        keeper = session(self.security)
        self.key = self.key_of(keeper.client("kms", region_name=self.home))
        self.bucket = self.bucket_of(keeper.client("s3", region_name=self.home))
        for account in self.accounts:
            self.account(account, session(account))

    def key_of(self, kms):
        aliases = [alias for page in kms.get_paginator("list_aliases").paginate() for alias in page["Aliases"]]
        targets = [alias["TargetKeyId"] for alias in aliases if alias["AliasName"] == "alias/baseline-logs"]
        self.expect(len(targets) == 1, f"{len(targets)} aliases of the log key")
        key = kms.describe_key(KeyId=targets[0])["KeyMetadata"]
        self.expect(key["AWSAccountId"] == self.security, f"the key belongs to {key['AWSAccountId']}")
        self.expect(key["Enabled"] and key["KeyState"] == "Enabled", "the key is not enabled")
        rotation = kms.get_key_rotation_status(KeyId=key["KeyId"])
        self.expect(rotation["KeyRotationEnabled"], "the key does not rotate")
        policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        self.expect(
            any(roots(statement) == {self.security} and "kms:*" in listed(statement["Action"]) for statement in allowed(policy)),
            "the key policy locks its owner out",
        )
        encrypting = [s for s in cloudtrail(policy) if "kms:GenerateDataKey*" in listed(s["Action"])]
        named = " ".join(json.dumps(statement["Condition"]) for statement in encrypting)
        for account in self.accounts:
            self.expect(account in named, f"the key policy does not let the trails of {account} encrypt")
        tags = {t["TagKey"]: t["TagValue"] for t in kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]}
        self.expect(TRAIL_TAGS.items() <= tags.items(), f"the key's tags are {tags}")
        return key["Arn"]

    def bucket_of(self, s3):
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        self.expect(len(buckets) == 1, f"the security account has the buckets {buckets}")
        bucket = buckets[0]
        location = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
        self.expect(location == self.home, f"the bucket is in {location}")
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.expect(all(block[name] for name in names), f"public access: {block}")
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
        self.expect(versioning == "Enabled", f"versioning is {versioning}")
        owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        self.expect(owner == "BucketOwnerEnforced", f"object ownership is {owner}")
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        default = rule["ApplyServerSideEncryptionByDefault"]
        self.expect(default["SSEAlgorithm"] == "aws:kms", f"encryption is {default}")
        self.expect(default.get("KMSMasterKeyID") == self.key, f"encryption is with {default.get('KMSMasterKeyID')}")
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
        self.expect(BUCKET_TAGS.items() <= tags.items(), f"the bucket's tags are {tags}")
        self.policy(bucket, json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]))
        return bucket

    def policy(self, bucket, policy):
        """CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail"."""
        for statement in allowed(policy):
            if statement["Principal"] in ("*", {"AWS": "*"}):
                self.expect("Condition" in statement, f"the bucket policy lets everybody in: {statement}")
        checks = [s for s in cloudtrail(policy) if "s3:GetBucketAcl" in listed(s["Action"])]
        writes = [s for s in cloudtrail(policy) if "s3:PutObject" in listed(s["Action"])]
        resources = [resource for statement in writes for resource in listed(statement["Resource"])]
        for account in self.accounts:
            self.expect(account in json.dumps(checks), f"the bucket policy does not let CloudTrail check for {account}")
            path = f"arn:aws:s3:::{bucket}/{self.prefix + '/' if self.prefix else ''}AWSLogs/{account}/*"
            self.expect(path in resources, f"the bucket policy does not admit {path}")
        for statement in writes:
            acl = statement["Condition"]["StringEquals"].get("s3:x-amz-acl")
            self.expect(acl == "bucket-owner-full-control", f"a write without the ACL: {statement}")
            sender = json.dumps(statement["Condition"])
            self.expect("aws:SourceArn" in sender or "aws:SourceAccount" in sender, f"any sender: {statement}")

    def account(self, account, aws):
        regions = enabled_regions(aws)
        self.regions[account] = len(regions)
        everything = []
        for region in regions:
            client = aws.client("cloudtrail", region_name=region)
            trails = client.describe_trails(includeShadowTrails=False)["trailList"]
            everything += [(client, region, trail) for trail in trails]
            if self.mode == "per-region":
                logging = [trail for trail in trails if client.get_trail_status(Name=trail["TrailARN"])["IsLogging"]]
                self.expect(len(logging) == 1, f"{account} {region}: {len(logging)} logging trails")
            else:
                # Shadows included: what is recorded here, wherever its trail lives.
                shown = client.describe_trails(includeShadowTrails=True)["trailList"]
                logging = [t for t in shown if client.get_trail_status(Name=t["TrailARN"])["IsLogging"]]
                self.expect(len(logging) == 1, f"{account} {region}: recorded by {len(logging)} trails")
        for client, region, trail in everything:
            self.trail(f"{account} {region} {trail['Name']}", client, region, trail)
        self.trails += len(everything)
        recording = [(region, trail["Name"]) for _, region, trail in everything if trail["IncludeGlobalServiceEvents"]]
        self.expect(len(recording) == 1, f"{account}: global service events are recorded by {recording}")
        if self.mode == "per-region":
            # Where IAM, STS and CloudFront events are since November 2021 (CloudTrail User Guide, "Global service
            # events").
            self.expect([region for region, _ in recording] == ["us-east-1"], f"{account}: recorded by {recording}")
        else:
            self.expect(len(everything) == 1, f"{account}: {len(everything)} trails")

    def trail(self, where, client, region, trail):
        self.expect(trail["HomeRegion"] == region, f"{where}: at home in {trail['HomeRegion']}")
        multi = self.mode == "multi-region"
        self.expect(trail["IsMultiRegionTrail"] == multi, f"{where}: multi-Region is {trail['IsMultiRegionTrail']}")
        self.expect(trail["S3BucketName"] == self.bucket, f"{where}: delivers to {trail['S3BucketName']}")
        prefix = trail.get("S3KeyPrefix") or ""
        self.expect(prefix == self.prefix, f"{where}: delivers below `{prefix}`")
        self.expect(trail.get("KmsKeyId") == self.key, f"{where}: encrypts with {trail.get('KmsKeyId')}")
        self.expect(trail["LogFileValidationEnabled"], f"{where}: log files are not validated")
        listed_tags = client.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"][0]["TagsList"]
        tags = {tag["Key"]: tag["Value"] for tag in listed_tags}
        self.expect(TRAIL_TAGS.items() <= tags.items(), f"{where}: the tags are {tags}")
        # No selectors are all management events (CloudTrail API Reference, `PutEventSelectors`).
        for selector in client.get_event_selectors(TrailName=trail["TrailARN"]).get("EventSelectors", []):
            self.expect(selector["IncludeManagementEvents"], f"{where}: no management events")
            self.expect(selector["ReadWriteType"] == "All", f"{where}: records {selector['ReadWriteType']}")


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(policy):
    return [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]


def cloudtrail(policy):
    def admits(principal):
        return isinstance(principal, dict) and "cloudtrail.amazonaws.com" in listed(principal.get("Service", []))

    return [statement for statement in allowed(policy) if admits(statement["Principal"])]


def roots(statement):
    principal = statement["Principal"]
    arns = listed(principal.get("AWS", [])) if isinstance(principal, dict) else []
    return {arn.split(":")[4] for arn in arns if arn.endswith(":root")}


def main(mode, security, home, prefix, *accounts):
    audit = Audit(mode, security, home, prefix, accounts)
    audit.run()
    for finding in audit.findings:
        print(finding, file=sys.stderr)
    looked_at = {"regions": audit.regions, "trails": audit.trails, "bucket": audit.bucket, "key": audit.key}
    print(json.dumps({**looked_at, "findings": len(audit.findings)}))
    sys.exit(1 if audit.findings else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
