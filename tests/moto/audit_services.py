"""Reads what the services of `tests/moto/services.toml` should hold with boto3, none of our code, and says what is not
as it must be.

    audit_services.py SECURITY HOME_REGION REGION,... QUEUE_ARN FUNCTION_ARN ACCOUNT...

The ACCOUNTs are all accounts, each of them baselined in the REGIONs. Prints what was looked at as JSON; exit 1 with a
line for each finding if there is any.
"""

import json
import sys
from collections import Counter
from fnmatch import fnmatchcase
from functools import cache

from accounts import session

TAGS = {"ManagedBy": "baseline", "Baseline": "services"}
GLOBAL = "us-east-1"
RULES = {
    "baseline-cloud-trail-enabled": ("CLOUD_TRAIL_ENABLED", "One_Hour"),
    "baseline-guardduty-enabled-centralized": ("GUARDDUTY_ENABLED_CENTRALIZED", "One_Hour"),
}
FEATURES_ON = {"S3_DATA_EVENTS"}
# EKS_RUNTIME_MONITORING is another name for a part of RUNTIME_MONITORING, and excludes it (GuardDuty API Reference,
# `DetectorFeatureConfiguration`).
NOT_SENT = {"EKS_RUNTIME_MONITORING"}
# The forwards, and a source that each rule's pattern must be about.
FORWARDS = {
    "baseline-security-group-changes": "aws.ec2",
    "baseline-guardduty-findings": "aws.guardduty",
    "baseline-config-compliance": "aws.config",
    "baseline-iam-changes": "aws.iam",
    "baseline-key-deletion": "aws.kms",
}
# Only this Region's bus sees IAM (CloudTrail User Guide, "Global service events").
ONLY_GLOBAL = {"baseline-iam-changes"}
KEY, TOPIC_KEY, TOPIC = "alias/baseline-logs", "alias/baseline-alerts", "baseline-alerts"


def listed(value):
    return value if isinstance(value, list) else [value]


def pages(client, operation, key, **arguments):
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]


def plain(tags):
    return {tag["Key"]: tag["Value"] for tag in tags}


def named(statement, kind):
    """The principals of one kind that an Allow names; none where it is about everybody."""
    principal = statement["Principal"]
    return set(listed(principal.get(kind, []))) if statement["Effect"] == "Allow" and principal != "*" else set()


def admitted(statement):
    """The accounts' roots that an Allow admits by their names or by `aws:PrincipalAccount` alone; `*` where it is open."""
    if statement["Effect"] != "Allow" or statement["Principal"] not in ("*", {"AWS": "*"}):
        return named(statement, "AWS")
    by = statement.get("Condition", {})
    accounts = by.get("StringEquals", {}).get("aws:PrincipalAccount") if list(by) == ["StringEquals"] else None
    return {f"arn:aws:iam::{account}:root" for account in listed(accounts)} if accounts else {"*"}


def document(text):
    return json.loads(text)["Statement"] if text else []


class Audit:
    def __init__(self, security, home, regions, queue, function, accounts):
        self.security, self.home, self.regions, self.accounts = security, home, regions.split(","), accounts
        self.queue, self.function = queue, function
        self.findings = []
        self.seen = Counter()
        self.session = cache(session)

    def client(self, account, region, service):
        return self.session(account).client(service, region_name=region)

    def expect(self, holds, finding):
        if not holds:
            self.findings.append(finding)

    def equal(self, actual, wanted, what):
        self.expect(actual == wanted, f"{what}: {actual!r} instead of {wanted!r}")

    def tagged(self, tags, what):
        self.expect(TAGS.items() <= tags.items(), f"{what}: the tags are {tags}")

    def run(self):
        self.log_key = self.client(self.security, self.home, "kms").describe_key(KeyId=KEY)["KeyMetadata"]["Arn"]
        buckets = self.client(self.security, self.home, "s3").list_buckets()["Buckets"]
        self.bucket = buckets[0]["Name"]
        for account in self.accounts:
            self.roles(account)
            for region in self.regions:
                self.recorder(account, region)
                self.rules_of_config(account, region)
                self.aggregation(account, region)
                self.detector(account, region)
                self.rules(account, region)
                self.bus(account, region)
        for region in self.regions:
            self.topic(region)
        self.grants()

    def roles(self, account):
        iam = self.client(account, GLOBAL, "iam")
        linked = pages(iam, "list_roles", "Roles", PathPrefix="/aws-service-role/config.amazonaws.com/")
        self.equal(len(linked), 1, f"{account}: service-linked roles of AWS Config")
        self.config_role = linked[0]["Arn"]
        roles = [
            role
            for role in pages(iam, "list_roles", "Roles")
            if "events.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])
        ]
        self.equal(len(roles), 0 if account == self.security else 1, f"{account}: roles that EventBridge may assume")
        for role in roles:
            self.role = role["Arn"]
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            self.equal(trust["Principal"], {"Service": "events.amazonaws.com"}, f"{account}: the role trusts")
            self.equal(listed(trust["Action"]), ["sts:AssumeRole"], f"{account}: the role lets it")
            # No document of AWS's says that EventBridge names the account when it assumes a role.
            self.equal(trust.get("Condition"), None, f"{account}: the role trusts under")
            name = role["RoleName"]
            self.tagged(plain(iam.list_role_tags(RoleName=name)["Tags"]), f"{account}: role {name}")
            self.equal(pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name), [], name)
            allowed = [
                (action, resource)
                for policy in pages(iam, "list_role_policies", "PolicyNames", RoleName=name)
                for statement in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            ]
            wanted = [("events:PutEvents", self.bus_arn(region)) for region in self.regions]
            self.equal(sorted(allowed), sorted(wanted), f"{account}: the role may")
            self.seen["roles"] += 1

    def recorder(self, account, region):
        config, where = self.client(account, region, "config"), f"{account} {region}"
        recorders = config.describe_configuration_recorders()["ConfigurationRecorders"]
        self.equal(len(recorders), 1, f"{where}: recorders")
        group = recorders[0]["recordingGroup"]
        self.expect(group["allSupported"], f"{where}: records {group}")
        self.equal(group["includeGlobalResourceTypes"], region == GLOBAL, f"{where}: global resource types")
        self.equal(recorders[0]["roleARN"], self.config_role, f"{where}: recorder's role")
        (status,) = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
        self.expect(status["recording"], f"{where}: the recorder is stopped")
        (channel,) = config.describe_delivery_channels()["DeliveryChannels"]
        self.equal(channel["s3BucketName"], self.bucket, f"{where}: the channel delivers to")
        self.equal(channel["s3KmsKeyArn"], self.log_key, f"{where}: the channel encrypts with")
        often = channel["configSnapshotDeliveryProperties"]["deliveryFrequency"]
        self.equal(often, "TwentyFour_Hours", f"{where}: snapshots are delivered")
        self.seen["recorders"] += 1
        self.seen["global recorders"] += group["includeGlobalResourceTypes"]

    def rules_of_config(self, account, region):
        config, where = self.client(account, region, "config"), f"{account} {region}"
        rules = pages(config, "describe_config_rules", "ConfigRules")
        held = {r["ConfigRuleName"]: (r["Source"]["SourceIdentifier"], r["MaximumExecutionFrequency"]) for r in rules}
        self.equal(held, RULES, f"{where}: rules of AWS Config")
        for rule in rules:
            tags = config.list_tags_for_resource(ResourceArn=rule["ConfigRuleArn"])["Tags"]
            self.tagged(plain(tags), f"{where}: {rule['ConfigRuleName']}")
        self.seen["config rules"] += len(rules)

    def aggregation(self, account, region):
        config, where = self.client(account, region, "config"), f"{account} {region}"
        given = pages(config, "describe_aggregation_authorizations", "AggregationAuthorizations")
        held = [(one["AuthorizedAccountId"], one["AuthorizedAwsRegion"]) for one in given]
        wanted = [] if account == self.security else [(self.security, self.home)]
        self.equal(held, wanted, f"{where}: authorizations")
        aggregators = pages(config, "describe_configuration_aggregators", "ConfigurationAggregators")
        self.equal(len(aggregators), int((account, region) == (self.security, self.home)), f"{where}: aggregators")
        for aggregator in aggregators:
            (source,) = aggregator["AccountAggregationSources"]
            self.equal(sorted(source["AccountIds"]), sorted(self.accounts), f"{where}: the aggregator shows")
            self.expect(source["AllAwsRegions"], f"{where}: the aggregator does not show all Regions")
        for arn in [one["AggregationAuthorizationArn"] for one in given] + [
            aggregator["ConfigurationAggregatorArn"] for aggregator in aggregators
        ]:
            self.tagged(plain(config.list_tags_for_resource(ResourceArn=arn)["Tags"]), arn)
        self.seen["authorizations"] += len(given)

    def detector(self, account, region):
        guardduty, where = self.client(account, region, "guardduty"), f"{account} {region}"
        ids = pages(guardduty, "list_detectors", "DetectorIds")
        self.equal(len(ids), 1, f"{where}: detectors")
        detector = guardduty.get_detector(DetectorId=ids[0])
        self.equal(detector["Status"], "ENABLED", f"{where}: the detector is")
        self.equal(detector["FindingPublishingFrequency"], "FIFTEEN_MINUTES", f"{where}: findings are published")
        features = {feature["Name"]: feature["Status"] for feature in detector["Features"]}
        on = {name for name, status in features.items() if status == "ENABLED"}
        self.equal(on, FEATURES_ON, f"{where}: features that are on")
        # Features that a new detector is not told of are switched on and billed (GuardDuty API Reference,
        # `CreateDetector`).
        known = set(guardduty.meta.service_model.shape_for("DetectorFeature").enum)
        self.equal(set(features), known - NOT_SENT, f"{where}: features that the detector was told of")
        self.tagged(detector["Tags"], f"{where}: the detector")
        self.seen["detectors"] += 1

    def bus_arn(self, region):
        return f"arn:aws:events:{region}:{self.security}:event-bus/default"

    def topic_arn(self, region):
        return f"arn:aws:sns:{region}:{self.security}:{TOPIC}"

    def rules(self, account, region):
        events, where = self.client(account, region, "events"), f"{account} {region}"
        rules = {rule["Name"]: rule for rule in pages(events, "list_rules", "Rules")}
        wanted = set(FORWARDS) - (set() if region == GLOBAL else ONLY_GLOBAL)
        self.equal(set(rules), wanted, f"{where}: rules")
        for name, rule in rules.items():
            what = f"{where} {name}"
            pattern = json.loads(rule["EventPattern"])
            self.equal(pattern["source"], [FORWARDS[name]], f"{what}: matches")
            self.equal(rule["State"], "ENABLED", f"{what}: is")
            self.tagged(plain(events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]), what)
            (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
            if account == self.security:
                self.equal(target["Arn"], self.topic_arn(region), f"{what}: tells")
                self.expect("RoleArn" not in target, f"{what}: a topic takes no role")
                self.equal(sorted(pattern["account"]), sorted(self.accounts), f"{what}: matches accounts")
                raw = name == "baseline-key-deletion"
                self.equal("InputTransformer" in target, not raw, f"{what}: messages are made of events")
            else:
                self.equal(target["Arn"], self.bus_arn(region), f"{what}: forwards to")
                self.equal(target.get("RoleArn"), self.role, f"{what}: forwards as")
                self.expect("InputTransformer" not in target, f"{what}: events do not arrive as they are")
            if name == "baseline-config-compliance":
                self.equal(set(pattern["detail"]["configRuleName"]), set(RULES), f"{what}: tells of")
            self.seen["rules"] += 1

    def bus(self, account, region):
        bus = self.client(account, region, "events").describe_event_bus()
        statements = document(bus.get("Policy"))
        allowed = [
            (principal, action, resource)
            for statement in statements
            for principal in admitted(statement)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        ]
        senders = [sender for sender in self.accounts if sender != self.security] if account == self.security else []
        wanted = [(f"arn:aws:iam::{sender}:root", "events:PutEvents", bus["Arn"]) for sender in senders]
        self.equal(sorted(allowed), sorted(wanted), f"{account} {region}: who may put events on the bus")
        open_to_all = [s for s in statements if "*" in admitted(s)]
        self.equal(open_to_all, [], f"{account} {region}: everybody may")

    def topic(self, region):
        sns, where = self.client(self.security, region, "sns"), f"{self.security} {region}"
        topics = [topic["TopicArn"] for topic in pages(sns, "list_topics", "Topics")]
        self.equal(topics, [self.topic_arn(region)], f"{where}: topics")
        attributes = sns.get_topic_attributes(TopicArn=topics[0])["Attributes"]
        key = self.topic_key(region)
        self.equal(attributes["KmsMasterKeyId"], key, f"{where}: the topic is encrypted with")
        statements = document(attributes["Policy"])
        # With a condition EventBridge publishes nothing (EventBridge User Guide, "Using resource-based policies").
        publishing = [s for s in statements if "events.amazonaws.com" in named(s, "Service") and "Condition" not in s]
        actions = [action for statement in publishing for action in listed(statement["Action"])]
        self.equal(actions, ["sns:Publish"], f"{where}: what EventBridge may do with the topic")
        for statement in statements:
            open_to_all = statement["Principal"] in ("*", {"AWS": "*"})
            self.expect(not open_to_all or "Condition" in statement, f"{where}: everybody may {statement}")
        self.tagged(plain(sns.list_tags_for_resource(ResourceArn=topics[0])["Tags"]), f"{where}: the topic")
        # moto shows a subscription only to the account that made it (sns/models.py, `SNSBackend.subscriptions`).
        for arn in (self.queue, self.function):
            _, _, protocol, _, owner, *_ = arn.split(":")
            client = self.client(owner, region, "sns")
            held = [
                subscription
                for subscription in pages(client, "list_subscriptions", "Subscriptions")
                if (subscription["Protocol"], subscription["Endpoint"]) == (protocol, arn)
            ]
            self.equal([s["TopicArn"] for s in held], topics, f"{where}: subscriptions of {arn}")
            for subscription in held:
                attributes = client.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])
                raw = attributes["Attributes"]["RawMessageDelivery"]
                self.equal(raw, "true" if protocol == "sqs" else "false", f"{where}: raw messages to {arn}")
                self.seen["subscriptions"] += 1

    def topic_key(self, region):
        kms, where = self.client(self.security, region, "kms"), f"{self.security} {region}"
        key = kms.describe_key(KeyId=TOPIC_KEY)["KeyMetadata"]
        self.equal(key["KeyState"], "Enabled", f"{where}: the topics' key is")
        statements = document(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        owner = [s for s in statements if named(s, "AWS") == {f"arn:aws:iam::{self.security}:root"}]
        self.expect(any("kms:*" in listed(s["Action"]) for s in owner), f"{where}: the topics' key locks its owner out")
        events = [s for s in statements if "events.amazonaws.com" in named(s, "Service") and "Condition" not in s]
        actions = {action for statement in events for action in listed(statement["Action"])}
        self.equal(actions, {"kms:GenerateDataKey*", "kms:Decrypt"}, f"{where}: EventBridge's leave")
        tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        self.tagged({tag["TagKey"]: tag["TagValue"] for tag in tags}, f"{where}: the topics' key")
        self.seen["topic keys"] += 1
        return key["Arn"]

    def grants(self):
        """What lets the topics of all Regions reach the queue and the function."""
        _, _, _, region, account, name = self.queue.split(":")
        sqs = self.client(account, region, "sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"].get("Policy")
        self.reached(document(policy), "sqs:SendMessage", self.queue)
        _, _, _, region, account, _, name = self.function.split(":")
        policy = self.client(account, region, "lambda").get_policy(FunctionName=name)["Policy"]
        self.reached(document(policy), "lambda:InvokeFunction", self.function)

    def reached(self, statements, action, endpoint):
        for region in self.regions:
            holds = [
                statement
                for statement in statements
                if "sns.amazonaws.com" in named(statement, "Service")
                and action in listed(statement["Action"])
                and endpoint in listed(statement["Resource"])
                and any(fnmatchcase(self.topic_arn(region), source) for source in sources(statement))
            ]
            self.equal(len(holds), 1, f"{endpoint}: statements that admit the topic of {region}")
        for statement in [statement for statement in statements if named(statement, "Service")]:
            ours = all(f":{self.security}:{TOPIC}" in source for source in sources(statement))
            self.expect(sources(statement) and ours, f"{endpoint}: admits {statement}")


def sources(statement):
    keys = {k.lower(): v for k, v in statement.get("Condition", {}).get("ArnLike", {}).items()}
    return listed(keys.get("aws:sourcearn", []))


def main(security, home, regions, queue, function, *accounts):
    audit = Audit(security, home, regions, queue, function, accounts)
    audit.run()
    for finding in audit.findings:
        print(finding, file=sys.stderr)
    print(json.dumps({**audit.seen, "findings": len(audit.findings)}))
    sys.exit(1 if audit.findings else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
