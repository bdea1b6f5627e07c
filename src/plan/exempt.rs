//! What is exposed and accepted: an `[[exception]]` takes an exposure out of what keeps a plan from being complete, as long
//! as it holds; one that is over, or that nothing is exposed for, is named.

use std::collections::BTreeSet;

use super::{Exempt, Plan};
use crate::config::Exception;
use crate::model::Target;
use crate::services::{Exposed, Note};

/// The topic of notes about exceptions.
const TOPIC: &str = "exception";

impl Plan {
    /// Moves what the exceptions accept on a day (`YYYY-MM-DD`) from what is exposed to what is exempt. `whole`: the run
    /// was narrowed in no way, so that an exception that accepts nothing is one that nobody needs. `home` is where notes of
    /// them stand.
    pub fn accept(&mut self, exceptions: &[Exception], day: &str, whole: bool, home: &Target) {
        let mut used = BTreeSet::new();
        for mut exposed in std::mem::take(&mut self.exposed) {
            let mut meant = exceptions.iter().enumerate().filter(|(_, exception)| accepts(exception, &exposed));
            let mut over = None;
            let holding = meant.find(|(index, exception)| {
                used.insert(*index);
                let holds = exception.holds_on(day);
                if !holds {
                    over = Some(*exception);
                }
                holds
            });
            if let Some((_, exception)) = holding {
                self.exempt.push(exempt(exposed, exception));
                continue;
            }
            if let Some(Exception { owner, until, .. }) = over {
                exposed.hint = format!("its [[exception]] (owner {owner}) ended on {until}: {}", exposed.hint);
            }
            self.exposed.push(exposed);
        }
        self.exempt.sort();
        // Whether something stands behind an exception is not known of what was not read.
        if whole && self.unreadable.is_empty() {
            for (_, exception) in exceptions.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
                self.notes.push(unused(exception, home));
            }
        }
    }
}

impl Plan {
    /// Of a plan that was saved, calls exposed again what was accepted until a day before this one (`YYYY-MM-DD`).
    pub fn lapse(&mut self, day: &str) {
        let over = self.exempt.extract_if(.., |exempt| day > exempt.until.as_str());
        self.exposed.extend(over.map(|Exempt { address, digest, exposed, owner, until, .. }| Exposed {
            address,
            reason: exposed,
            hint: format!("its [[exception]] (owner {owner}) ended on {until}"),
            digest,
        }));
        self.exposed.sort();
    }
}

fn accepts(exception: &Exception, exposed: &Exposed) -> bool {
    exception.digest == exposed.digest && exception.address.matches(&exposed.address)
}

fn exempt(exposed: Exposed, exception: &Exception) -> Exempt {
    let Exposed { address, reason, digest, .. } = exposed;
    let Exception { reason: why, owner, until, .. } = exception;
    Exempt { address, digest, exposed: reason, reason: why.clone(), owner: owner.clone(), until: until.clone() }
}

fn unused(exception: &Exception, home: &Target) -> Note {
    let Exception { address, digest, owner, .. } = exception;
    Note {
        target: home.clone(),
        topic: TOPIC.to_owned(),
        text: format!(
            "the [[exception]] for {} with digest {digest} (owner {owner}) accepts nothing that is exposed now: take it \
             out of the baseline file",
            address.as_str()
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Address;

    const BUCKET: &str = "222222222222/eu-west-1/s3.bucket/logs";

    fn exposed(action: &str) -> Exposed {
        let content = json!({ "statement": { "Action": action } });
        Exposed::new(BUCKET.parse().unwrap(), format!("lets strangers {action}"), "remove it".to_owned(), &content)
    }

    fn digest_of() -> String {
        exposed("s3:GetObject").digest
    }

    fn exception(digest: &str, until: &str) -> Exception {
        Exception {
            address: "*/*/s3.bucket/*".parse().unwrap(),
            digest: digest.to_owned(),
            reason: "the auditors read it".to_owned(),
            owner: "security@example.com".to_owned(),
            until: until.to_owned(),
        }
    }

    fn accepted(exceptions: &[Exception], day: &str) -> Plan {
        let mut plan = Plan { exposed: vec![exposed("s3:GetObject"), exposed("s3:*")], ..Plan::default() };
        let address: Address = BUCKET.parse().unwrap();
        plan.accept(exceptions, day, true, &address.target);
        plan
    }

    #[test]
    fn an_exception_takes_what_it_names_and_nothing_wider() {
        let plan = accepted(&[exception(&exposed("s3:GetObject").digest, "2027-03-31")], "2027-03-31");
        assert_eq!(plan.exposed, [exposed("s3:*")], "what was widened has another digest");
        assert_eq!(plan.exempt.len(), 1);
        assert_eq!(plan.exempt[0].owner, "security@example.com");
        assert!(!plan.complete());
        let all = [
            exception(&exposed("s3:GetObject").digest, "2027-03-31"),
            exception(&exposed("s3:*").digest, "2027-03-31"),
        ];
        assert!(accepted(&all, "2027-01-01").complete());
    }

    #[test]
    fn an_exception_that_is_over_counts_no_more_and_says_so() {
        let plan = accepted(&[exception(&exposed("s3:GetObject").digest, "2027-03-31")], "2027-04-01");
        assert_eq!((plan.exposed.len(), plan.exempt.len()), (2, 0));
        assert!(plan.exposed.iter().any(|one| one.hint.contains("ended on 2027-03-31")), "{:?}", plan.exposed);
        assert!(plan.notes.is_empty(), "it is over and not unused");
        // One that holds beside one that is over is enough.
        let digest = exposed("s3:GetObject").digest;
        let mut saved = accepted(&[exception(&digest_of(), "2027-03-31")], "2027-03-31");
        saved.lapse("2027-03-31");
        assert_eq!((saved.exposed.len(), saved.exempt.len()), (1, 1));
        saved.lapse("2027-04-01");
        assert_eq!((saved.exposed.len(), saved.exempt.len()), (2, 0), "a saved plan grants no more time");
        let both = [
            exception(&digest, "2027-03-31"),
            Exception { address: BUCKET.parse().unwrap(), ..exception(&digest, "2028-01-01") },
        ];
        assert_eq!(accepted(&both, "2027-04-01").exempt.len(), 1);
    }

    #[test]
    fn an_exception_for_another_resource_or_for_nothing_is_named() {
        let mut other = exception(&exposed("s3:GetObject").digest, "2027-03-31");
        other.address = "*/*/s3.bucket/other".parse().unwrap();
        let plan = accepted(&[other.clone()], "2027-01-01");
        assert_eq!((plan.exposed.len(), plan.exempt.len(), plan.notes.len()), (2, 0, 1));
        assert!(plan.notes[0].text.contains("accepts nothing"), "{}", plan.notes[0].text);
        // A run that did not look everywhere cannot tell.
        let mut plan = Plan::default();
        plan.accept(
            &[other],
            "2027-01-01",
            false,
            &Target::new("222222222222".parse().unwrap(), crate::model::Region::global()),
        );
        assert!(plan.notes.is_empty());
    }
}
