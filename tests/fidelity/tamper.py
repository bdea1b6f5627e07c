"""Breaks whatever there is in the home Region of every account, by the calls that somebody in it would make."""

import json

from accounts import Account, ids

THEIRS = {"Key": "theirs", "Value": "else"}


def cloudtrail(here):
    for trail in here.call("cloudtrail", "describe_trails")["trailList"]:
        if trail["HomeRegion"] == here.home:
            arn = trail["TrailARN"]
            here.call("cloudtrail", "stop_logging", Name=arn)
            here.call("cloudtrail", "update_trail", Name=arn, EnableLogFileValidation=False)
            here.call("cloudtrail", "put_event_selectors", TrailName=arn, EventSelectors=[
                {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])
            here.call("cloudtrail", "add_tags", ResourceId=arn, TagsList=[THEIRS])


def config(here):
    for one in here.call("config", "describe_configuration_recorders")["ConfigurationRecorders"]:
        here.call("config", "stop_configuration_recorder", ConfigurationRecorderName=one["name"])
    rules = here.call("config", "describe_config_rules")["ConfigRules"]
    for rule in rules[:1]:
        here.call("config", "delete_config_rule", ConfigRuleName=rule["ConfigRuleName"])
    for rule in rules[1:2]:
        here.call("config", "put_config_rule", ConfigRule={
            "ConfigRuleName": rule["ConfigRuleName"], "Source": rule["Source"], "Scope": {"TagKey": "only"}})
    for one in here.call("config", "describe_aggregation_authorizations")["AggregationAuthorizations"][:1]:
        here.call("config", "delete_aggregation_authorization", AuthorizedAccountId=one["AuthorizedAccountId"],
                  AuthorizedAwsRegion=one["AuthorizedAwsRegion"])


def guardduty(here):
    for detector in here.call("guardduty", "list_detectors")["DetectorIds"]:
        # A member has its administrator's.
        if not here.call("guardduty", "get_administrator_account", DetectorId=detector).get("Administrator"):
            here.call("guardduty", "update_detector", DetectorId=detector, FindingPublishingFrequency="ONE_HOUR")
        found = here.call("guardduty", "list_publishing_destinations", DetectorId=detector)["Destinations"]
        for one in found:
            here.call("guardduty", "delete_publishing_destination", DetectorId=detector, DestinationId=one["DestinationId"])


def events(here):
    for bus in here.call("events", "list_event_buses")["EventBuses"]:
        at = {"EventBusName": bus["Name"]}
        rules = here.call("events", "list_rules", NamePrefix="baseline-", **at)["Rules"]
        for index, rule in enumerate(rules):
            name = rule["Name"]
            targets = here.call("events", "list_targets_by_rule", Rule=name, **at)["Targets"]
            if index % 3 == 0:
                here.call("events", "disable_rule", Name=name, **at)
            elif index % 3 == 1:
                here.call("events", "put_rule", Name=name, EventPattern='{"source":["else"]}', **at)
            elif targets:
                here.call("events", "remove_targets", Rule=name, Ids=[target["Id"] for target in targets], **at)
                here.call("events", "delete_rule", Name=name, **at)
        if bus.get("Policy") and "Baseline" in bus["Policy"]:
            here.call("events", "remove_permission", RemoveAllPermissions=True, **at)


def iam(here):
    for role in here.call("iam", "list_roles", PathPrefix="/baseline/")["Roles"]:
        name = role["RoleName"]
        for policy in here.call("iam", "list_role_policies", RoleName=name)["PolicyNames"]:
            here.call("iam", "delete_role_policy", RoleName=name, PolicyName=policy)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"}}
        here.call("iam", "update_assume_role_policy", RoleName=name,
                  PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
        here.call("iam", "tag_role", RoleName=name, Tags=[THEIRS])


def sns(here):
    for topic in here.call("sns", "list_topics")["Topics"]:
        arn = topic["TopicArn"]
        for one in here.call("sns", "list_subscriptions_by_topic", TopicArn=arn)["Subscriptions"]:
            if one["Protocol"] == "sqs":
                here.call("sns", "set_subscription_attributes", SubscriptionArn=one["SubscriptionArn"],
                          AttributeName="RawMessageDelivery", AttributeValue="false")
            elif one["Protocol"] == "lambda":
                here.call("sns", "unsubscribe", SubscriptionArn=one["SubscriptionArn"])
        theirs = {"Sid": "Theirs", "Effect": "Allow", "Action": "sns:Publish", "Resource": arn,
                  "Principal": {"AWS": here.arn("iam", "root", region=False)}}
        here.call("sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy",
                  AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [theirs]}))


def kms(here):
    for alias in here.call("kms", "list_aliases")["Aliases"]:
        if key := alias.get("TargetKeyId"):
            here.call("kms", "disable_key_rotation", KeyId=key)
            here.call("kms", "update_key_description", KeyId=key, Description="else")
            here.call("kms", "tag_resource", KeyId=key, Tags=[{"TagKey": "theirs", "TagValue": "else"}])


def s3(here):
    for bucket in here.call("s3", "list_buckets")["Buckets"]:
        at = {"Bucket": bucket["Name"]}
        here.call("s3", "put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}, **at)
        here.call("s3", "delete_public_access_block", **at)
        here.call("s3", "put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}, **at)
        here.call("s3", "put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [
            {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}]}, **at)
        tags = here.call("s3", "get_bucket_tagging", **at)["TagSet"]
        here.call("s3", "put_bucket_tagging", Tagging={"TagSet": [*tags, THEIRS]}, **at)
        here.call("s3", "delete_bucket_policy", **at)


# The bucket last: its policy is asked whenever a trail is changed.
EVERYWHERE = [Account(name) for name in ids()]
for service in (cloudtrail, config, guardduty, events, iam, sns, kms, s3):
    for account in EVERYWHERE:
        service(account)
