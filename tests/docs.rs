//! The documents that are generated from the code, and compared with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use baseline::aws::iam_action;
use baseline::services::{Kind, Service};

use crate::support::page_is_up_to_date;

const HEAD: &str = "\
# What `baseline` sets up

Generated from the code; `UPDATE_DOCS=1 cargo test docs::` writes it anew.

Every resource is declared by a section of `baseline.toml`; a section that is left out is neither read nor changed.
`--service` takes what stands before the dot, and `take_over` too.

| resource | where it is | what it costs to leave it out |
|---|---|---|
";

const CALLS: &str = "
## The calls that read it and make it

As IAM actions: the reads make a role that can only plan. Nothing else leaves the process: every client refuses an
operation that is on neither list. Besides, every role needs `ec2:DescribeRegions` (or a static `regions.list`);
`sts:GetCallerIdentity` needs no permission.

| service | to plan | to apply, besides |
|---|---|---|
";

const BESIDES: &str = "
An apply that changes something keeps a second one out by a lock, an object in the log bucket (`baseline/lock-` and the
security account's id). The role of the account that owns the bucket needs for it, besides the reads above:
`s3:GetObject` and `s3:PutObject` on `baseline/*` in the bucket, and for the very first apply, which makes the bucket to
put the lock into it, `s3:CreateBucket` and `s3:PutBucketPublicAccessBlock`. It is written only over what was read
(`If-None-Match`, `If-Match`), encrypted with S3's own key (`AES256`) and never deleted, so that neither a permission on
a KMS key nor `s3:DeleteObject` is asked for. Each apply leaves a few versions of some 300 bytes, more in an hour's run:
it is renewed every third of `--lock-lease`. They go by the bucket's own retention.

`baseline apply --events FILE --events-to-bucket` puts a copy of the run's record there at the end of every apply that
changed something, as `baseline/runs/DATE/RUN.jsonl`: `s3:PutObject` on `baseline/*`, and `s3:GetObject` where an answer
got lost. It is written where nothing is (`If-None-Match`), encrypted and kept as the lock is, and is shown by
`baseline show`; it lacks nothing but the call that makes it.

Some calls make AWS ask for more than the action of their own name:

- `config:PutConfigurationRecorder` and `events:PutTargets` hand a role over: `iam:PassRole` on
  `aws-service-role/config.amazonaws.com/*` and on `baseline/*`.
- `guardduty:CreateDetector` makes GuardDuty's own service-linked role: `iam:CreateServiceLinkedRole`.
- An export of findings below a prefix of the log bucket looks at the prefix with the caller's own permissions:
  `s3:ListBucket` on the bucket and `s3:GetObject` on the prefix.
- What tells the topic of `[notify.run]`, `sns:Publish`, is asked of the security role alone, and only where that is
  declared; an encrypted topic asks for `kms:GenerateDataKey` and `kms:Decrypt` besides.
- `kms:CreateKey` with tags asks for `kms:TagResource`, `sns:CreateTopic` for `sns:TagResource`, `events:PutRule` for
  `events:TagResource`, `iam:CreateRole` for `iam:TagRole`, and so on: they are in the table.
";

const EXPOSED: &str = "
## What exposed covers

Exposed is what somebody else opens, blocks, expires or reroutes of what this baseline relies on. It is worked out from
what a run reads anyway, is left alone, and is exit code 3 until it is gone or accepted (README, \"What is exposed\").

| of | is exposed |
|---|---|
| the policies of the log bucket, of the keys, of topics, buses and queues | a statement of somebody that lets in everyone, an account that `profiles.toml` does not name, an organization, somebody whose account cannot be told, or a service without a condition on the account that it works for |
| the log bucket | a lifecycle rule of somebody that removes logs sooner than declared; replication to another account; a grant of its access control list to a stranger |
| the keys | a grant to a stranger; imported key material that expires |
| the topics | a subscription of somebody: a mail address, a telephone, a URL, or an ARN outside the profiles |
| the rules | a target of somebody outside the profiles; a dead-letter queue of our targets there |
| the detectors | an administrator outside the profiles; a filter that archives findings, which then are not exported |
| trails, delivery channels | an SNS topic or a log group outside the profiles to which they send besides |
| AWS Config | an account outside the profiles that may aggregate |

A note, and no exit code 3: a statement that lets in whoever comes from a network (`aws:SourceIp`, `aws:SourceVpce`) or a
service that delivers logs, and somebody's subscription or target inside the profiles.

Not looked at: statements about a part of the bucket in which this baseline keeps nothing; the policies of functions; access
points of the bucket; what the accounts of the estate allow their own users and roles; the policies of an organization. A
read that is refused is a note that names its action.
";

fn actions(service: Service, operations: &[&str]) -> String {
    let actions: BTreeSet<String> = operations
        .iter()
        .map(|operation| match iam_action(service.as_str(), operation).split_once(':') {
            Some((_, action)) => format!("`{action}`"),
            None => String::new(),
        })
        .collect();
    actions.into_iter().collect::<Vec<_>>().join(", ")
}

fn resources() -> String {
    let mut text = HEAD.to_owned();
    for kind in Kind::ALL {
        let about = kind.about();
        let _ = writeln!(text, "| `{kind}` | {} | {} |", about.lives, about.without);
    }
    text.push_str(CALLS);
    for service in Service::ALL {
        let prefix = iam_action(service.as_str(), "").into_owned();
        let (reads, writes) = (actions(*service, service.reads()), actions(*service, service.writes()));
        let _ = writeln!(text, "| `{prefix}` | {reads} | {writes} |");
    }
    text.push_str(BESIDES);
    text.push_str(EXPOSED);
    text
}

#[test]
fn the_table_of_resources_is_up_to_date() {
    page_is_up_to_date("docs/resources.md", &resources());
}

#[test]
fn every_kind_says_where_it_is_and_what_it_is_for_in_words_of_its_own() {
    for kind in Kind::ALL {
        let about = kind.about();
        for said in [about.lives, about.without] {
            assert!(said.len() > 10 && !said.contains('|') && !said.ends_with('.'), "{kind}: {said}");
        }
    }
}

#[test]
fn no_operation_is_a_read_and_a_write() {
    for service in Service::ALL {
        for operation in service.writes() {
            assert!(!service.reads().contains(operation), "{service}:{operation}");
            let reads = ["Get", "List", "Describe", "Head"].iter().any(|verb| operation.starts_with(verb));
            assert!(!reads, "{service}:{operation}");
        }
    }
}
