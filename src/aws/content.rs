//! What a successful answer has to hold. The SDK takes an answer without a body for one that says nothing, and fills in
//! what is missing; here it is an answer that could not be read.

use serde_json::Value;

/// A success without its content: a body that is empty, or that lacks what AWS always answers.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum NoContent {
    /// Nothing at all.
    #[error("AWS answered success without a body; an answer that is not there says nothing")]
    Empty,
    /// Something else.
    #[error("AWS answered success without `{0}`, which this answer always has")]
    Lacks(&'static str),
}

/// Operations that write and answer something. Every read answers something; those of the method HEAD have no body.
///
/// Source: botocore 1.43, the output shapes of each service's model.
const WRITES_THAT_ANSWER: &[(&str, &[&str])] = &[
    ("kms", &["CancelKeyDeletion", "CreateKey"]),
    ("cloudtrail", &["CreateTrail", "PutEventSelectors", "UpdateTrail"]),
    ("config", &["PutAggregationAuthorization", "PutConfigurationAggregator"]),
    ("eventbridge", &["CreateEventBus", "PutRule", "PutTargets", "RemoveTargets"]),
    (
        "guardduty",
        &[
            "CreateDetector",
            "CreateMembers",
            "CreatePublishingDestination",
            "DeleteMembers",
            "InviteMembers",
            "StartMonitoringMembers",
        ],
    ),
    ("iam", &["CreateRole", "CreateServiceLinkedRole"]),
    ("lambda", &["AddPermission"]),
    ("sns", &["CreateTopic", "Subscribe"]),
];

/// The members that an answer cannot be without. A list that is missing from a JSON object may be an empty one, so that
/// no list of JSON is here; XML has the element of a list that is empty.
///
/// Source: the API Reference of each operation: what has no documented way to be absent. Where there is none of it, S3
/// and IAM say so with an error code (`NoSuchTagSet`, `NoSuchLifecycleConfiguration`, …).
const MEMBERS: &[(&str, &str, &[&str])] = &[
    ("sts", "AssumeRole", &["Credentials"]),
    ("sts", "GetCallerIdentity", &["Account", "Arn"]),
    ("ec2", "DescribeRegions", &["regionInfo"]),
    ("kms", "DescribeKey", &["KeyMetadata"]),
    ("kms", "GetKeyPolicy", &["Policy"]),
    ("kms", "GetKeyRotationStatus", &["KeyRotationEnabled"]),
    ("s3", "GetBucketAcl", &["AccessControlList"]),
    ("s3", "GetBucketEncryption", &["Rule"]),
    ("s3", "GetBucketLifecycleConfiguration", &["Rule"]),
    ("s3", "GetBucketOwnershipControls", &["Rule"]),
    ("s3", "GetBucketReplication", &["Rule"]),
    ("s3", "GetBucketTagging", &["TagSet"]),
    ("s3", "ListObjectsV2", &["IsTruncated"]),
    ("cloudtrail", "GetEventSelectors", &["TrailARN"]),
    ("cloudtrail", "GetTrailStatus", &["IsLogging"]),
    ("eventbridge", "DescribeEventBus", &["Name"]),
    ("guardduty", "DescribePublishingDestination", &["destinationProperties", "status"]),
    ("guardduty", "GetDetector", &["status"]),
    ("guardduty", "GetFilter", &["action", "findingCriteria", "name"]),
    ("iam", "GetRole", &["AssumeRolePolicyDocument"]),
    ("iam", "GetRolePolicy", &["PolicyDocument"]),
    ("iam", "ListAttachedRolePolicies", &["AttachedPolicies"]),
    ("iam", "ListRolePolicies", &["PolicyNames"]),
    ("iam", "ListRoles", &["Roles"]),
    ("lambda", "GetPolicy", &["Policy"]),
    ("sns", "GetSubscriptionAttributes", &["Attributes"]),
    ("sns", "GetTopicAttributes", &["Attributes"]),
    ("sns", "ListSubscriptions", &["Subscriptions"]),
    ("sns", "ListSubscriptionsByTopic", &["Subscriptions"]),
    ("sns", "ListTagsForResource", &["Tags"]),
    ("sqs", "GetQueueUrl", &["QueueUrl"]),
];

/// Looks whether a success holds what it has to; `reads` says whether the operation is on a read list.
pub(super) fn check(service: &str, operation: &str, reads: bool, body: &[u8]) -> Result<(), NoContent> {
    let listed = |(of, operations): &(&str, &[&str])| *of == service && operations.contains(&operation);
    let answers = match reads {
        true => !operation.starts_with("Head"),
        false => WRITES_THAT_ANSWER.iter().any(listed),
    };
    if !answers {
        return Ok(());
    }
    if body.trim_ascii().is_empty() {
        return Err(NoContent::Empty);
    }
    let Some((_, _, members)) = MEMBERS.iter().find(|(of, name, _)| (*of, *name) == (service, operation)) else {
        return Ok(());
    };
    let json: Option<Value> =
        (body.trim_ascii_start().first() != Some(&b'<')).then(|| serde_json::from_slice(body).unwrap_or_default());
    let has = |member: &str| match &json {
        Some(json) => json.get(member).is_some_and(|value| !value.is_null()),
        None => has_element(body, member),
    };
    match members.iter().find(|member| !has(member)) {
        Some(lacking) => Err(NoContent::Lacks(lacking)),
        None => Ok(()),
    }
}

/// Whether an element of this name begins somewhere in a document.
fn has_element(body: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(body);
    let begins = |rest: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['>', '/', ' ', '\n', '\t']));
    text.match_indices('<').any(|(at, _)| begins(&text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_is_an_answer_only_of_operations_that_answer_nothing() {
        let empty = |service, operation, reads| check(service, operation, reads, b" \n");
        assert_eq!(empty("s3", "GetBucketPolicy", true), Err(NoContent::Empty));
        assert_eq!(empty("cloudtrail", "DescribeTrails", true), Err(NoContent::Empty));
        assert_eq!(empty("cloudtrail", "CreateTrail", false), Err(NoContent::Empty));
        assert_eq!(empty("s3", "HeadBucket", true), Ok(()));
        assert_eq!(empty("kms", "PutKeyPolicy", false), Ok(()));
    }

    #[test]
    fn what_an_answer_always_has_may_be_empty_and_may_not_be_missing() {
        let tags = |body: &str| check("s3", "GetBucketTagging", true, body.as_bytes());
        assert_eq!(tags("<Tagging/>"), Err(NoContent::Lacks("TagSet")));
        assert_eq!(tags("<Tagging><TagSets></TagSets></Tagging>"), Err(NoContent::Lacks("TagSet")));
        assert_eq!(tags("<?xml version='1.0'?><Tagging><TagSet/></Tagging>"), Ok(()));
        let policy = |body: &str| check("kms", "GetKeyPolicy", true, body.as_bytes());
        for lacking in ["{}", r#"{"Policy": null}"#, "null", "no JSON"] {
            assert_eq!(policy(lacking), Err(NoContent::Lacks("Policy")), "{lacking}");
        }
        assert_eq!(policy(r#"{"Policy": ""}"#), Ok(()));
        // A list that is missing from a JSON object may be an empty one.
        assert_eq!(check("cloudtrail", "DescribeTrails", true, b"{}"), Ok(()));
    }
}
