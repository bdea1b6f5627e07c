"""Every operation that the sandbox has and the runs do not call, by boto3 in the security account; refusals too.

The functions `chat` of the home Region has been made with the alias `live`; the log bucket is that of a baseline whose
trails are called `baseline`.
"""

import json

from accounts import EITHER, Account

here = Account("security")
ELSEWHERE = "999999999999"
TAG, TAGS = {"Key": "a", "Value": "b"}, [{"Key": "a", "Value": "b"}]
ROOT = here.arn("iam", "root", region=False)
TOPIC = here.arn("sns", "clients")
QUEUE = here.arn("sqs", "clients")


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def caller(service):
    def call(operation, refused=None, **arguments):
        return here.call(service, operation, refused, **arguments)

    return call


def ec2(call):
    call("describe_regions", AllRegions=True)
    call("describe_regions", Filters=[{"Name": "opt-in-status", "Values": ["not-opted-in", "opted-in"]}])


def kms(call):
    policy = document(Principal={"AWS": ROOT}, Action="kms:*", Resource="*")
    made = call("create_key", Policy=policy, Description="x", Tags=[{"TagKey": "a", "TagValue": "b"}])
    key = made["KeyMetadata"]["KeyId"]
    call("create_alias", AliasName="alias/clients", TargetKeyId=key)
    call("create_alias", "AlreadyExistsException", AliasName="alias/clients", TargetKeyId=key)
    call("update_alias", AliasName="alias/clients", TargetKeyId=key)
    for operation in ("describe_key", "get_key_rotation_status", "enable_key_rotation", "disable_key_rotation",
                      "disable_key", "enable_key", "list_resource_tags", "list_key_policies"):
        call(operation, KeyId=key)
    call("describe_key", "NotFoundException", KeyId="alias/nothing")
    call("put_key_policy", KeyId=key, PolicyName="default", Policy=policy)
    call("put_key_policy", "MalformedPolicyDocumentException", KeyId=key, PolicyName="default", Policy="{}")
    call("get_key_policy", KeyId=key, PolicyName="default")
    call("untag_resource", KeyId=key, TagKeys=["a"])
    call("list_keys", Limit=1)
    call("list_aliases", KeyId=key)
    grant = call("create_grant", EITHER, KeyId=key, GranteePrincipal=ROOT, Operations=["Decrypt"], Name="clients")
    call("list_grants", EITHER, KeyId=key)
    call("revoke_grant", EITHER, KeyId=key, GrantId=grant.get("GrantId", "0" * 64))
    call("schedule_key_deletion", KeyId=key, PendingWindowInDays=7)
    call("describe_key", KeyId=key)
    call("enable_key", "KMSInvalidStateException", KeyId=key)
    call("cancel_key_deletion", KeyId=key)
    call("delete_alias", AliasName="alias/clients")


def s3(call):
    at = {"Bucket": "clients-bucket"}
    where = {} if here.home == here.center else {"CreateBucketConfiguration": {"LocationConstraint": here.home}}
    call("create_bucket", ObjectOwnership="BucketOwnerEnforced", **where, **at)
    call("head_bucket", **at)
    call("head_bucket", "404", Bucket="no-such-bucket-here")
    call("head_bucket", "403", ExpectedBucketOwner=ELSEWHERE, **at)
    call("get_bucket_acl", **at)
    reads = {"get_bucket_policy": "NoSuchBucketPolicy", "get_bucket_tagging": "NoSuchTagSet",
             "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration"}
    for read, refused in reads.items():
        call(read, refused, **at)
    call("put_public_access_block", PublicAccessBlockConfiguration={
        "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}, **at)
    call("put_bucket_ownership_controls", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}, **at)
    call("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"}, **at)
    call("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]}, **at)
    call("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
        {"ID": "b", "Status": "Disabled", "Filter": {"And": {"Prefix": "x/", "Tags": TAGS}},
         "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
         "NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 2}}]}, **at)
    call("put_bucket_tagging", Tagging={"TagSet": TAGS}, **at)
    call("put_bucket_policy", Policy=document(Effect="Deny", Principal="*", Action="s3:*",
                                              Resource=f"arn:{here.partition}:s3:::{at['Bucket']}/*"), **at)
    call("put_bucket_policy", "MalformedPolicy", Policy="{}", **at)
    for read in (*reads, "get_bucket_policy_status", "get_public_access_block", "get_bucket_ownership_controls",
                 "get_bucket_versioning", "get_bucket_encryption", "get_bucket_location"):
        call(read, **at)
    call("delete_bucket_policy", **at)
    owner = {"ID": "0" * 64, "Type": "CanonicalUser"}
    call("put_bucket_acl", EITHER, AccessControlPolicy={
        "Owner": {"ID": owner["ID"]}, "Grants": [{"Grantee": owner, "Permission": "FULL_CONTROL"}]}, **at)
    call("get_object_lock_configuration", EITHER, **at)
    call("put_object_lock_configuration", EITHER, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}, **at)
    call("get_bucket_replication", EITHER, **at)
    call("put_bucket_replication", EITHER, ReplicationConfiguration={
        "Role": here.arn("iam", "role/replication", region=False), "Rules": [{
            "ID": "a", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:{here.partition}:s3:::elsewhere"}}]}, **at)
    call("delete_bucket_replication", EITHER, **at)
    one = {"Key": "a/b c+d", **at}
    call("put_object", Body=b"x", IfNoneMatch="*", ServerSideEncryption="AES256", **one)
    call("put_object", "PreconditionFailed", Body=b"x", IfNoneMatch="*", **one)
    call("put_object", Body=b"y", IfMatch=call("get_object", **one)["ETag"], **one)
    call("head_object", **one)
    call("get_object", "NoSuchKey", Key="gone", **at)
    call("list_objects_v2", MaxKeys=1, **at)
    call("delete_bucket", "BucketNotEmpty", **at)
    call("delete_object", **one)
    for operation in ("delete_bucket_tagging", "delete_bucket_lifecycle", "delete_bucket_encryption",
                      "delete_bucket_ownership_controls", "delete_public_access_block", "delete_bucket"):
        call(operation, **at)
    call("get_bucket_policy", "NoSuchBucket", **at)


def iam(call):
    trust = document(Principal={"Service": "events.amazonaws.com"}, Action="sts:AssumeRole")
    inline = document(Action="events:PutEvents", Resource="*")
    role = {"RoleName": "clients"}
    managed = f"arn:{here.partition}:iam::aws:policy/ReadOnlyAccess"
    call("create_role", Path="/x/", AssumeRolePolicyDocument=trust, Description="d", Tags=TAGS, **role)
    call("create_role", "EntityAlreadyExists", AssumeRolePolicyDocument=trust, **role)
    call("create_role", "MalformedPolicyDocument", RoleName="other", AssumeRolePolicyDocument="{}")
    call("get_role", "NoSuchEntity", RoleName="nobody")
    call("put_role_policy", PolicyName="p", PolicyDocument=inline, **role)
    call("get_role_policy", PolicyName="p", **role)
    call("get_role_policy", "NoSuchEntity", PolicyName="q", **role)
    call("attach_role_policy", PolicyArn=managed, **role)
    for read in ("get_role", "list_role_policies", "list_attached_role_policies", "list_role_tags"):
        call(read, **role)
    call("list_roles", MaxItems=1)
    call("tag_role", Tags=[{"Key": "c", "Value": "d"}], **role)
    call("untag_role", TagKeys=["c"], **role)
    call("update_role", Description="e", MaxSessionDuration=7200, **role)
    call("update_role_description", Description="f", **role)
    call("update_assume_role_policy", PolicyDocument=trust, **role)
    boundary = call("create_policy", EITHER, PolicyName="clients", PolicyDocument=inline)
    boundary = {"PolicyArn": boundary.get("Policy", {}).get("Arn", managed)}
    call("get_policy", EITHER, **boundary)
    call("get_policy_version", EITHER, VersionId="v1", **boundary)
    call("put_role_permissions_boundary", EITHER, PermissionsBoundary=boundary["PolicyArn"], **role)
    call("get_role", **role)
    call("delete_role_permissions_boundary", EITHER, **role)
    call("delete_role", "DeleteConflict", **role)
    call("detach_role_policy", PolicyArn=managed, **role)
    call("delete_role_policy", PolicyName="p", **role)
    call("delete_role", **role)
    call("create_service_linked_role", "InvalidInput", AWSServiceName="config.amazonaws.com")


def cloudtrail(call):
    own = call("describe_trails")["trailList"][0]
    call("list_trails")
    kept = {key: own[key] for key in ("S3BucketName", "S3KeyPrefix", "KmsKeyId") if key in own}
    create = {"EnableLogFileValidation": True, "IsMultiRegionTrail": False, **kept}
    call("create_trail", "TrailAlreadyExistsException", Name=own["Name"], **create)
    call("create_trail", "InvalidTrailNameException", Name="x", **create)
    call("create_trail", "S3BucketDoesNotExistException", Name="other", S3BucketName="no-such-bucket-at-all")
    call("create_trail", "InsufficientS3BucketPolicyException", Name="other", **create)
    trail = {"Name": own["TrailARN"]}
    for operation in ("stop_logging", "delete_trail"):
        call(operation, **trail)
    call("get_trail", "TrailNotFoundException", **trail)
    call("get_trail_status", "TrailNotFoundException", **trail)
    call("create_trail", Name=own["Name"], TagsList=TAGS, **create)
    for operation in ("start_logging", "get_trail", "get_trail_status"):
        call(operation, **trail)
    call("put_event_selectors", TrailName=trail["Name"], EventSelectors=[{
        "ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": ["kms.amazonaws.com"],
        "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:{here.partition}:s3"]}]}])
    call("get_event_selectors", TrailName=trail["Name"])
    call("put_event_selectors", TrailName=trail["Name"], AdvancedEventSelectors=[{
        "Name": "m", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}])
    call("get_event_selectors", TrailName=trail["Name"])
    call("list_tags", ResourceIdList=[trail["Name"]])
    call("remove_tags", ResourceId=trail["Name"], TagsList=[{"Key": "a"}])


def config(call):
    own = call("describe_configuration_recorders")["ConfigurationRecorders"][0]
    call("describe_configuration_recorder_status")
    call("describe_delivery_channel_status")
    call("put_configuration_recorder", "MaxNumberOfConfigurationRecordersExceededException",
         ConfigurationRecorder={"name": "second", "roleARN": own["roleARN"]})
    call("put_configuration_recorder", ConfigurationRecorder={
        "name": own["name"], "roleARN": own["roleARN"], "recordingGroup": {
            "allSupported": False, "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
            "exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::NetworkInterface"]}},
        "recordingMode": {"recordingFrequency": "DAILY", "recordingModeOverrides": [
            {"resourceTypes": ["AWS::EC2::Instance"], "recordingFrequency": "CONTINUOUS"}]}})
    arn = call("describe_configuration_recorders")["ConfigurationRecorders"][0]["arn"]
    call("tag_resource", ResourceArn=arn, Tags=TAGS)
    call("list_tags_for_resource", ResourceArn=arn)
    call("untag_resource", ResourceArn=arn, TagKeys=["a"])
    rule = {"Owner": "AWS", "SourceIdentifier": "IAM_PASSWORD_POLICY"}
    call("put_config_rule", ConfigRule={
        "ConfigRuleName": "clients", "Source": rule, "InputParameters": json.dumps({"MinimumPasswordLength": "14"}),
        "MaximumExecutionFrequency": "One_Hour"}, Tags=TAGS)
    call("describe_config_rules", ConfigRuleNames=["clients"])
    call("describe_config_rules", "NoSuchConfigRuleException", ConfigRuleNames=["nothing"])
    call("describe_compliance_by_config_rule")
    call("delete_config_rule", ConfigRuleName="clients")
    grant = {"AuthorizedAccountId": ELSEWHERE, "AuthorizedAwsRegion": here.home}
    call("put_aggregation_authorization", Tags=TAGS, **grant)
    call("describe_aggregation_authorizations")
    call("delete_aggregation_authorization", **grant)
    view = {"ConfigurationAggregatorName": "clients"}
    call("put_configuration_aggregator", AccountAggregationSources=[
        {"AccountIds": [here.id], "AllAwsRegions": True}], **view)
    call("describe_configuration_aggregators", ConfigurationAggregatorNames=["clients"])
    call("describe_configuration_aggregator_sources_status", EITHER, **view)
    call("delete_configuration_aggregator", **view)
    call("delete_configuration_aggregator", "NoSuchConfigurationAggregatorException", **view)
    channel = call("describe_delivery_channels")["DeliveryChannels"][0]
    call("delete_delivery_channel", "LastDeliveryChannelDeleteFailedException", DeliveryChannelName=channel["name"])
    call("stop_configuration_recorder", ConfigurationRecorderName=own["name"])
    call("delete_delivery_channel", DeliveryChannelName=channel["name"])
    call("start_configuration_recorder", "NoAvailableDeliveryChannelException", ConfigurationRecorderName=own["name"])
    call("put_delivery_channel", DeliveryChannel=channel)
    call("delete_configuration_recorder", ConfigurationRecorderName=own["name"])


def guardduty(call):
    detector = {"DetectorId": call("list_detectors")["DetectorIds"][0]}
    call("create_detector", "BadRequestException", Enable=True)
    call("update_detector", FindingPublishingFrequency="SIX_HOURS", Features=[
        {"Name": "RUNTIME_MONITORING", "Status": "ENABLED",
         "AdditionalConfiguration": [{"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"}]}], **detector)
    call("get_detector", **detector)
    call("get_detector", "BadRequestException", DetectorId="0" * 32)
    for read in ("get_administrator_account", "get_master_account", "list_members", "list_publishing_destinations"):
        call(read, **detector)
    other = {"AccountIds": [ELSEWHERE], **detector}
    call("create_members", AccountDetails=[{"AccountId": ELSEWHERE, "Email": "x@example.com"}], **detector)
    call("get_members", **other)
    call("invite_members", DisableEmailNotification=True, **other)
    call("list_members", OnlyAssociated="false", **detector)
    call("disassociate_members", **other)
    call("delete_members", **other)
    for destination in call("list_publishing_destinations", **detector)["Destinations"]:
        one = {"DestinationId": destination["DestinationId"], **detector}
        found = call("describe_publishing_destination", **one)
        call("update_publishing_destination", DestinationProperties=found["DestinationProperties"], **one)
    call("describe_publishing_destination", "BadRequestException", DestinationId="0" * 32, **detector)
    archive = {"FilterName": "clients", **detector}
    call("create_filter", EITHER, Name="clients", Action="ARCHIVE", FindingCriteria={
        "Criterion": {"severity": {"GreaterThanOrEqual": 1}}}, **detector)
    call("list_filters", EITHER, **detector)
    call("get_filter", EITHER, **archive)
    call("delete_filter", EITHER, **archive)
    arn = here.arn("guardduty", f"detector/{detector['DetectorId']}")
    call("tag_resource", ResourceArn=arn, Tags={"c": "d"})
    call("list_tags_for_resource", ResourceArn=arn)
    call("untag_resource", ResourceArn=arn, TagKeys=["c"])
    invitations(call, detector["DetectorId"])


def invitations(call, detector):
    """A project that is invited, refuses, is invited again, accepts and leaves; then its detector goes."""
    there = Account("444444444444")
    if not (own := there.call("guardduty", "list_detectors")["DetectorIds"]):
        own = [there.call("guardduty", "create_detector", Enable=True, Tags={"a": "b"})["DetectorId"]]
    member = {"DetectorId": detector, "AccountIds": [there.id]}
    call("create_members", DetectorId=detector, AccountDetails=[{"AccountId": there.id, "Email": "ledger@example.com"}])

    def invite():
        call("invite_members", DisableEmailNotification=True, **member)
        there.call("guardduty", "get_invitations_count")
        return there.call("guardduty", "list_invitations")["Invitations"][0]["InvitationId"]

    invite()
    there.call("guardduty", "decline_invitations", AccountIds=[here.id])
    there.call("guardduty", "delete_invitations", AccountIds=[here.id])
    there.call("guardduty", "accept_administrator_invitation", DetectorId=own[0], AdministratorId=here.id,
               InvitationId=invite())
    there.call("guardduty", "get_administrator_account", DetectorId=own[0])
    there.call("guardduty", "disassociate_from_administrator_account", DetectorId=own[0])
    there.call("guardduty", "accept_invitation", DetectorId=own[0], MasterId=here.id, InvitationId=invite())
    there.call("guardduty", "get_master_account", DetectorId=own[0])
    there.call("guardduty", "disassociate_from_master_account", DetectorId=own[0])
    call("delete_members", **member)
    there.call("guardduty", "delete_detector", DetectorId=own[0])


def events(call):
    at = {"EventBusName": "clients"}
    call("create_event_bus", Name="clients", Tags=TAGS)
    call("create_event_bus", "ResourceAlreadyExistsException", Name="clients")
    call("describe_event_bus", "ResourceNotFoundException", Name="nothing")
    call("update_event_bus", Name="clients", Description="d")
    bus = here.arn("events", "event-bus/clients")
    call("put_permission", Policy=document(
        Sid="a", Principal={"AWS": ROOT}, Action="events:PutEvents", Resource=bus), **at)
    call("put_permission", Action="events:PutEvents", Principal="444444444444", StatementId="b", **at)
    call("describe_event_bus", Name="clients")
    call("list_event_buses")
    call("remove_permission", StatementId="b", **at)
    call("put_rule", Name="clients", EventPattern='{"source":["x"]}', State="ENABLED", Description="d", Tags=TAGS, **at)
    call("put_rule", "InvalidEventPatternException", Name="bad", EventPattern='{"source":"x"}', **at)
    target = {"Id": "t", "Arn": TOPIC}
    call("put_targets", Rule="clients", Targets=[{**target, "InputTransformer": {
        "InputPathsMap": {"a": "$.account"}, "InputTemplate": '"<a>"'},
        "RetryPolicy": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60}}], **at)
    call("put_targets", "ResourceNotFoundException", Rule="nothing", Targets=[target], **at)
    call("describe_rule", Name="clients", **at)
    call("list_rules", **at)
    call("list_targets_by_rule", Rule="clients", **at)
    call("list_rule_names_by_target", TargetArn=TOPIC, **at)
    call("disable_rule", Name="clients", **at)
    call("enable_rule", Name="clients", **at)
    call("tag_resource", ResourceARN=bus, Tags=[{"Key": "c", "Value": "d"}])
    call("list_tags_for_resource", ResourceARN=bus)
    call("untag_resource", ResourceARN=bus, TagKeys=["c"])
    call("test_event_pattern", EventPattern='{"source":["x"]}', Event=json.dumps({
        "id": "1", "detail-type": "t", "source": "x", "account": here.id, "time": "2026-01-01T00:00:00Z",
        "region": here.home, "resources": [], "detail": {}}))
    entry = {"DetailType": "t", "Detail": "{}"}
    call("put_events", Entries=[{"Source": "x", **at, **entry}, {"Source": "aws.x", **entry}])
    call("delete_rule", "ValidationException", Name="clients", **at)
    call("remove_targets", Rule="clients", Ids=["t"], **at)
    call("delete_rule", Name="clients", **at)
    call("delete_event_bus", Name="clients")


def sqs(call):
    url = call("create_queue", QueueName="clients", tags={"a": "b"}, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    at = {"QueueUrl": url}
    call("get_queue_url", QueueName="clients")
    call("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue", QueueName="nothing")
    call("set_queue_attributes", Attributes={"Policy": document(
        Sid="s", Principal={"Service": "sns.amazonaws.com"}, Action="sqs:SendMessage", Resource=QUEUE,
        Condition={"ArnLike": {"aws:SourceArn": TOPIC}})}, **at)
    call("get_queue_attributes", AttributeNames=["All"], **at)
    call("list_queues")
    call("tag_queue", Tags={"c": "d"}, **at)
    call("list_queue_tags", **at)
    call("untag_queue", TagKeys=["c"], **at)
    sns(caller("sns"))
    for message in call("receive_message", MaxNumberOfMessages=10, **at)["Messages"]:
        call("delete_message", ReceiptHandle=message["ReceiptHandle"], **at)
    call("send_message", MessageBody="m", **at)
    call("purge_queue", **at)
    call("receive_message", **at)
    call("delete_queue", **at)


def sns(call):
    topic = {"TopicArn": call("create_topic", Name="clients", Tags=TAGS)["TopicArn"]}
    nothing = {"TopicArn": TOPIC + "-nothing"}
    subscribe = {"Protocol": "sqs", "Endpoint": QUEUE, "ReturnSubscriptionArn": True, **topic}
    one = {"SubscriptionArn": call("subscribe", Attributes={"RawMessageDelivery": "true"}, **subscribe)["SubscriptionArn"]}
    call("subscribe", Protocol="email", Endpoint="x@example.com", **topic)
    call("subscribe", "NotFound", Protocol="email", Endpoint="x@example.com", **nothing)
    call("confirm_subscription", "InvalidParameter", Token="0" * 64, **topic)
    call("list_subscriptions")
    call("list_subscriptions_by_topic", **topic)
    call("get_subscription_attributes", **one)
    call("set_subscription_attributes", AttributeName="RawMessageDelivery", AttributeValue="false", **one)
    call("get_topic_attributes", **topic)
    call("get_topic_attributes", "NotFound", **nothing)
    call("set_topic_attributes", AttributeName="DisplayName", AttributeValue="d", **topic)
    arn = {"ResourceArn": topic["TopicArn"]}
    call("tag_resource", Tags=[{"Key": "c", "Value": "d"}], **arn)
    call("list_tags_for_resource", **arn)
    call("list_tags_for_resource", "ResourceNotFound", ResourceArn=nothing["TopicArn"])
    call("untag_resource", TagKeys=["c"], **arn)
    call("publish", Message="hello", Subject="s", **topic)
    call("unsubscribe", **one)
    call("delete_topic", **topic)


def lambda_(call):
    function = {"FunctionName": "chat"}
    call("get_function", **function)
    for qualifier in ("live", "$LATEST"):
        call("get_function_configuration", Qualifier=qualifier, **function)
    call("get_function_configuration", "ResourceNotFoundException", FunctionName="nothing")
    call("get_policy", "ResourceNotFoundException", **function)
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com",
                  "SourceArn": TOPIC, **function}
    call("add_permission", **permission)
    call("add_permission", "ResourceConflictException", **permission)
    call("add_permission", Qualifier="live", **permission)
    call("get_policy", **function)
    call("get_policy", Qualifier="live", **function)
    call("remove_permission", StatementId="s", **function)
    call("remove_permission", "ResourceNotFoundException", StatementId="s", **function)


here.call("sts", "get_caller_identity")
here.call("sts", "get_session_token", EITHER)
here.call("sts", "assume_role", "AccessDenied", RoleArn=here.arn("iam", "role/nobody", region=False), RoleSessionName="me")
for service in (ec2, kms, s3, iam, cloudtrail, config, guardduty, events, sqs):
    service(caller(service.__name__))
lambda_(caller("lambda"))
