//! What `DescribeDeliveryChannelStatus` says of a channel, and what that means.

use time::OffsetDateTime;

use crate::model::Address;
use crate::services::Undelivered;
use crate::services::delivery::{moment, shown};

/// One of the ways by which a channel delivers, as AWS shows it (AWS Config API Reference, `ConfigExportDeliveryInfo`,
/// `ConfigStreamDeliveryInfo`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attempt {
    /// `Success`, `Failure` or `Not_Applicable`, in whatever case; `None` where nothing was tried yet.
    pub status: Option<String>,
    /// The error's code.
    pub code: Option<String>,
    /// And what it says.
    pub message: Option<String>,
    /// The last attempt.
    pub tried: Option<OffsetDateTime>,
    /// The last success.
    pub succeeded: Option<OffsetDateTime>,
    /// The next attempt.
    pub next: Option<OffsetDateTime>,
}

/// What AWS says of a channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Configuration history to the bucket.
    pub history: Attempt,
    /// Snapshots to the bucket.
    pub snapshot: Attempt,
    /// Notifications to the topic, where the channel has one.
    pub stream: Option<Attempt>,
}

impl Status {
    /// What the channel at `address` does not deliver.
    pub fn undelivered(&self, address: &Address, bucket: &str) -> Vec<Undelivered> {
        let to_bucket = format!("bucket {bucket}");
        let ways = [
            ("configuration history", to_bucket.as_str(), Some(&self.history)),
            ("configuration snapshots", &to_bucket, Some(&self.snapshot)),
            ("notifications", "its SNS topic", self.stream.as_ref()),
        ];
        let failing = ways.into_iter().filter_map(|(what, whereto, way)| {
            // Of notifications AWS does not say when one last arrived.
            Some((what, whereto, way?.failure(whereto == to_bucket)?))
        });
        failing
            .map(|(what, whereto, failure)| Undelivered {
                address: address.clone(),
                reason: format!("AWS Config cannot deliver {what} to {whereto}: {failure}"),
                hint: match whereto {
                    "its SNS topic" => "look at the policy and the key of the topic that the channel names",
                    _ => {
                        "look at the bucket, its policy and the key: what of them denies is named in this plan; AWS \
                          Config tries again by itself, at the latest after a day"
                    }
                }
                .to_owned(),
            })
            .collect()
    }
}

impl Attempt {
    /// What failed and when, if the last attempt did.
    fn failure(&self, export: bool) -> Option<String> {
        self.status.as_ref().filter(|status| status.eq_ignore_ascii_case("failure"))?;
        let why = [&self.code, &self.message];
        let why: Vec<String> =
            why.into_iter().flatten().map(|text| shown(text)).filter(|text| !text.is_empty()).collect();
        let mut said = if why.is_empty() { "AWS gives no reason".to_owned() } else { why.join(": ") };
        if let Some(tried) = self.tried {
            said.push_str(&format!("; last tried at {}", moment(tried)));
        }
        match self.succeeded {
            Some(at) => said.push_str(&format!("; the last good delivery was at {}", moment(at))),
            None if export => said.push_str("; no delivery has ever succeeded"),
            None => {}
        }
        if let Some(next) = self.next {
            said.push_str(&format!("; the next attempt is due at {}", moment(next)));
        }
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;
    use crate::services::Kind;
    use crate::services::estate::{id, region};

    fn attempt(status: &str) -> Attempt {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        Attempt {
            status: Some(status.to_owned()),
            code: Some("AccessDenied".to_owned()),
            message: Some("no\nway".to_owned()),
            tried: at(1_900_000_000),
            succeeded: at(1_899_900_000),
            next: at(1_900_021_600),
        }
    }

    fn said(status: &Status) -> String {
        let target = Target::new(id("333333333333"), region("us-east-1"));
        let address = Address::new(target, Kind::ConfigDeliveryChannel, "default");
        status.undelivered(&address, "logs").into_iter().map(|one| one.reason).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn only_a_failure_counts_in_whatever_case_it_is_written() {
        for quiet in ["Success", "SUCCESS", "Not_Applicable", "NOT_APPLICABLE", ""] {
            assert_eq!(said(&Status { history: attempt(quiet), ..Status::default() }), "", "{quiet}");
        }
        assert_eq!(said(&Status::default()), "");
        let failed = |failure: &str| said(&Status { history: attempt(failure), ..Status::default() });
        assert_eq!(failed("Failure"), failed("FAILURE"));
        insta::assert_snapshot!(failed("Failure"), @"AWS Config cannot deliver configuration history to bucket logs: AccessDenied: no way; last tried at 2030-03-17T17:46:40Z; the last good delivery was at 2030-03-16T14:00:00Z; the next attempt is due at 2030-03-17T23:46:40Z");
        assert!(said(&Status { snapshot: attempt("Failure"), ..Status::default() }).contains("snapshots"));
    }

    #[test]
    fn the_stream_counts_where_there_is_a_topic() {
        assert_eq!(said(&Status { stream: None, ..Status::default() }), "");
        let bare = Attempt { status: Some("Failure".to_owned()), ..Attempt::default() };
        insta::assert_snapshot!(said(&Status { stream: Some(bare), ..Status::default() }), @"AWS Config cannot deliver notifications to its SNS topic: AWS gives no reason");
    }
}
