//! What `GetTrailStatus` says of a trail's deliveries in one Region, and what that means.

use time::{Duration, OffsetDateTime};

use crate::model::Address;
use crate::services::delivery::{gap, moment, shown};
use crate::services::{Note, Undelivered};

/// An error has no time of its own (CloudTrail API Reference, `GetTrailStatus`: `LatestDeliveryAttemptTime` is "no longer
/// in use"). CloudTrail delivers about every 5 minutes (CloudTrail User Guide, "How CloudTrail works"): what last
/// succeeded longer ago than this does not succeed any more.
const STALE: Duration = Duration::minutes(30);
/// The same of digest files, which are delivered every hour (CloudTrail User Guide, "Validating CloudTrail log file
/// integrity").
const STALE_DIGEST: Duration = Duration::minutes(90);
/// How long a trail may take to its first delivery.
const FIRST: Duration = Duration::hours(1);

/// What AWS says of one Region of a trail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// `IsLogging`.
    pub logging: bool,
    /// `StartLoggingTime`.
    pub started: Option<OffsetDateTime>,
    /// `StopLoggingTime`.
    pub stopped: Option<OffsetDateTime>,
    /// Log files to the bucket.
    pub logs: Delivery,
    /// Digest files to the bucket.
    pub digests: Delivery,
    /// Events to CloudWatch Logs, where the trail has a group there.
    pub log_group: Option<Delivery>,
    /// Messages to an SNS topic, where the trail has one.
    pub topic: Option<Delivery>,
}

/// One way by which a trail delivers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivery {
    /// AWS's error, if the last attempt failed.
    pub error: Option<String>,
    /// The last success.
    pub succeeded: Option<OffsetDateTime>,
}

impl Status {
    /// What is not delivered, and what else is worth knowing; nothing of a trail that is stopped, which is drift.
    /// `address` is the trail's in the Region that was asked.
    pub fn judge(&self, address: &Address, bucket: &str, now: OffsetDateTime) -> (Vec<Undelivered>, Vec<Note>) {
        let (mut undelivered, mut notes) = (Vec::new(), Vec::new());
        if !self.logging {
            return (undelivered, notes);
        }
        let target = &address.target;
        let to_bucket = format!("bucket {bucket}");
        let ways = [
            ("log files", to_bucket.as_str(), STALE, Some(&self.logs)),
            ("digest files", &to_bucket, STALE_DIGEST, Some(&self.digests)),
            ("events", "CloudWatch Logs", STALE, self.log_group.as_ref()),
            ("notifications", "its SNS topic", STALE, self.topic.as_ref()),
        ];
        for (what, whereto, stale, way) in ways {
            let Some((delivery, error)) = way.and_then(|way| Some((way, way.error.as_deref()?))) else { continue };
            let error = shown(error);
            match delivery.succeeded {
                Some(at) if now - at <= stale => notes.push(Note {
                    target: target.clone(),
                    topic: "delivery-error".to_owned(),
                    text: format!(
                        "trail `{}` reports the error {error} for {what} to {whereto}, and has delivered since or \
                         shortly before",
                        address.name
                    ),
                }),
                last => undelivered.push(Undelivered {
                    address: address.clone(),
                    reason: format!(
                        "CloudTrail cannot deliver {what} to {whereto} from {}: {error}; {}",
                        target.region,
                        last.map_or("no delivery has ever succeeded".to_owned(), |at| format!(
                            "the last good delivery was at {}",
                            moment(at)
                        ))
                    ),
                    hint: format!(
                        "{}; CloudTrail tries again by itself every few minutes",
                        match whereto {
                            "CloudWatch Logs" => "look at the role and the log group that the trail names",
                            "its SNS topic" => "look at the policy and the key of the topic that the trail names",
                            _ =>
                                "look at the bucket, its policy and the key: what of them denies is named in this plan",
                        }
                    ),
                }),
            }
        }
        if self.logs == Delivery::default() {
            let since = self.started.map(moment);
            match self.started {
                Some(at) if now - at > FIRST => undelivered.push(Undelivered {
                    address: address.clone(),
                    reason: format!(
                        "nothing was delivered to {to_bucket} from {} since logging was started at {}",
                        target.region,
                        moment(at)
                    ),
                    hint: "CloudTrail reports no error: look at the bucket, its policy and the key".to_owned(),
                }),
                _ => notes.push(Note {
                    target: target.clone(),
                    topic: "nothing-delivered-yet".to_owned(),
                    text: format!(
                        "trail `{}` has delivered nothing yet{}",
                        address.name,
                        since.map(|since| format!("; logging was started at {since}")).unwrap_or_default()
                    ),
                }),
            }
        }
        let trail = format!("trail `{}`", address.name);
        notes.extend(gap(target, &trail, self.stopped, self.started, now));
        (undelivered, notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;
    use crate::services::Kind;
    use crate::services::estate::{id, region};

    fn at(minutes_ago: i64) -> OffsetDateTime {
        now() - Duration::minutes(minutes_ago)
    }

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap()
    }

    fn logging() -> Status {
        Status {
            logging: true,
            started: Some(at(600)),
            logs: Delivery { error: None, succeeded: Some(at(3)) },
            ..Status::default()
        }
    }

    /// `!` before what is undelivered, `?` before a note.
    fn said(status: &Status) -> String {
        let target = Target::new(id("333333333333"), region("us-east-1"));
        let address = Address::new(target, Kind::CloudtrailTrail, "baseline");
        let (undelivered, notes) = status.judge(&address, "logs", now());
        let undelivered = undelivered.iter().map(|one| format!("! {}", one.reason));
        let notes = notes.iter().map(|note| format!("? {}", note.text));
        undelivered.chain(notes).collect::<Vec<_>>().join("\n")
    }

    fn failing(succeeded: Option<i64>) -> Delivery {
        Delivery { error: Some("AccessDenied".to_owned()), succeeded: succeeded.map(at) }
    }

    #[test]
    fn a_trail_that_delivers_says_nothing_however_long_ago_that_was() {
        assert_eq!(said(&logging()), "");
        // Where nothing happens nothing is delivered.
        assert_eq!(said(&Status { logs: Delivery { error: None, succeeded: Some(at(90_000)) }, ..logging() }), "");
    }

    #[test]
    fn an_error_counts_when_nothing_was_delivered_for_half_an_hour() {
        for (succeeded, undelivered) in
            [(None, true), (Some(31), true), (Some(30), false), (Some(1), false), (Some(-5), false)]
        {
            let said = said(&Status { logs: failing(succeeded), ..logging() });
            assert_eq!(said.starts_with("! "), undelivered, "{succeeded:?}: {said}");
            assert!(said.contains("AccessDenied"), "{said}");
        }
        insta::assert_snapshot!(said(&Status { logs: failing(Some(31)), ..logging() }), @"! CloudTrail cannot deliver log files to bucket logs from us-east-1: AccessDenied; the last good delivery was at 2030-03-17T17:15:40Z");
        insta::assert_snapshot!(said(&Status { logs: failing(None), ..logging() }), @"! CloudTrail cannot deliver log files to bucket logs from us-east-1: AccessDenied; no delivery has ever succeeded");
        insta::assert_snapshot!(said(&Status { logs: failing(Some(2)), ..logging() }), @"? trail `baseline` reports the error AccessDenied for log files to bucket logs, and has delivered since or shortly before");
    }

    #[test]
    fn a_trail_has_an_hour_for_its_first_delivery() {
        let fresh = |started| said(&Status { started, logs: Delivery::default(), ..logging() });
        assert!(
            fresh(Some(at(60))).starts_with("? trail `baseline` has delivered nothing yet"),
            "{}",
            fresh(Some(at(60)))
        );
        assert!(fresh(None).starts_with("? "));
        insta::assert_snapshot!(fresh(Some(at(61))), @"! nothing was delivered to bucket logs from us-east-1 since logging was started at 2030-03-17T16:45:40Z");
    }

    #[test]
    fn digests_a_log_group_and_a_topic_count_where_they_are_set() {
        insta::assert_snapshot!(said(&Status { digests: failing(Some(91)), ..logging() }), @"! CloudTrail cannot deliver digest files to bucket logs from us-east-1: AccessDenied; the last good delivery was at 2030-03-17T16:15:40Z");
        assert!(said(&Status { digests: failing(Some(89)), ..logging() }).starts_with("? "));
        insta::assert_snapshot!(said(&Status { log_group: Some(failing(None)), topic: Some(failing(Some(40))), ..logging() }), @"
        ! CloudTrail cannot deliver events to CloudWatch Logs from us-east-1: AccessDenied; no delivery has ever succeeded
        ! CloudTrail cannot deliver notifications to its SNS topic from us-east-1: AccessDenied; the last good delivery was at 2030-03-17T17:06:40Z
        ");
    }

    #[test]
    fn a_stopped_trail_is_drift_and_a_gap_is_said_for_a_week() {
        assert_eq!(said(&Status { logging: false, logs: failing(None), ..logging() }), "");
        let gap =
            |stopped, started| said(&Status { stopped: Some(at(stopped)), started: Some(at(started)), ..logging() });
        insta::assert_snapshot!(gap(500, 400), @"? trail `baseline` was stopped and recorded nothing from 2030-03-17T09:26:40Z to 2030-03-17T11:06:40Z");
        assert_ne!(gap(20_000, 7 * 24 * 60), "");
        assert_eq!(gap(20_000, 7 * 24 * 60 + 1), "");
        assert_eq!(gap(300, 400), "", "it was started first");
    }

    #[test]
    fn what_aws_says_is_spelt_out_and_short() {
        let error = format!("Access\u{1b}[31mDenied\n{}", "x".repeat(2_000));
        let said = said(&Status { logs: Delivery { error: Some(error), succeeded: None }, ..logging() });
        assert!(!said.contains('\u{1b}') && said.lines().count() == 1 && said.len() < 600, "{said}");
    }
}
