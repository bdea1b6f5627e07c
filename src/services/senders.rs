//! Which AWS services write into the log bucket and encrypt with the log key, and as whom.

use std::collections::BTreeSet;

use super::Declared;
use crate::model::{AccountId, Region};
use crate::policy::Statement;

/// CloudTrail's principal.
pub(super) const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
/// AWS Config's principal.
pub(super) const CONFIG: &str = "config.amazonaws.com";
/// GuardDuty's principal, in the Regions that need no opt-in.
const GUARDDUTY: &str = "guardduty.amazonaws.com";

/// The Region of GuardDuty's own principal in a Region that accounts opt in to.
pub(super) fn region_of_principal(principal: &str) -> Option<Region> {
    let region = principal.strip_prefix("guardduty.")?.strip_suffix(".amazonaws.com")?;
    region.parse().ok().filter(|region: &Region| !region.is_global())
}

/// The services that send logs, by what is declared; CloudTrail is always one of them.
#[derive(Debug, Clone)]
pub(super) struct Senders<'a> {
    declared: &'a Declared<'a>,
    /// Whether AWS Config delivers.
    pub config: bool,
    /// Whether GuardDuty exports.
    pub guardduty: bool,
    /// The Regions that accounts opt in to: those that this release knows, and those that AWS says are.
    opt_in: BTreeSet<Region>,
}

impl<'a> Senders<'a> {
    /// Reads the declaration, and nothing of what a run is narrowed to.
    pub fn new(declared: &'a Declared<'a>) -> Self {
        let guardduty = declared.baseline.guardduty.as_ref().is_some_and(|guardduty| guardduty.publish);
        let known = declared.profiles.partition.known_regions().iter();
        let known = known.filter(|region| region.opt_in).filter_map(|region| region.name.parse().ok());
        let opt_in: BTreeSet<Region> = known.chain(declared.shared.opt_in.iter().cloned()).collect();
        Senders { declared, config: declared.baseline.config.is_some(), guardduty, opt_in }
    }

    /// Whether CloudTrail is the only one.
    pub fn cloudtrail_alone(&self) -> bool {
        !self.config && !self.guardduty
    }

    /// Whom GuardDuty acts as for any of the accounts.
    pub fn guardduty_principals(&self) -> Vec<String> {
        self.guardduty_in(|region| self.declared.profiles.baselined().any(|account| account.regions.holds(region)))
    }

    /// Whom GuardDuty acts as for one account; for one that the profiles do not name any more, all that there are.
    pub fn guardduty_principals_of(&self, id: AccountId) -> Vec<String> {
        match self.declared.profiles.account(id).filter(|account| account.baseline) {
            Some(account) => self.guardduty_in(|region| account.regions.holds(region)),
            None => self.guardduty_principals(),
        }
    }

    /// GuardDuty acts as `guardduty.REGION.amazonaws.com` in a Region that accounts opt in to (GuardDuty User Guide,
    /// "Exporting generated GuardDuty findings to Amazon S3 buckets"). Which of the known ones an account has enabled is
    /// not asked: the policy must not depend on which accounts a run could enter. Of the others, what was admitted once
    /// stays so ([`Shared::opt_in`](super::Shared::opt_in)).
    fn guardduty_in(&self, admits: impl Fn(&Region) -> bool) -> Vec<String> {
        let opted = self.opt_in.iter().filter(|region| admits(region));
        let regional = opted.map(|region| format!("guardduty.{region}.amazonaws.com"));
        [GUARDDUTY.to_owned()].into_iter().chain(regional).collect()
    }

    /// Every principal that sends.
    pub fn principals(&self) -> Vec<String> {
        let mut all = vec![CLOUDTRAIL.to_owned()];
        all.extend(self.config.then(|| CONFIG.to_owned()));
        if self.guardduty {
            all.extend(self.guardduty_principals());
        }
        all
    }

    /// The pattern of detectors' ARNs: of one account, or of all that another condition names.
    pub fn detectors(&self, account: Option<AccountId>) -> String {
        let account = account.map_or("*".to_owned(), |id| id.to_string());
        format!("arn:{}:guardduty:*:{account}:detector/*", self.declared.profiles.partition)
    }

    /// Pins a statement that the services share to trails, recorders and detectors, where GuardDuty is one of them.
    ///
    /// `IfExists`: CloudTrail and Config are admitted by `aws:SourceAccount` already, and their documents leave it open
    /// whether every call says for which resource it is.
    pub fn pinned(&self, statement: Statement) -> Statement {
        if !self.guardduty {
            return statement;
        }
        let partition = self.declared.profiles.partition;
        let mut sources = vec![format!("arn:{partition}:cloudtrail:*:*:trail/*")];
        sources.extend(self.config.then(|| format!("arn:{partition}:config:*:*:*")));
        sources.push(self.detectors(None));
        statement.when("ArnLikeIfExists", "aws:SourceArn", sources)
    }

    /// The accounts, as conditions name them.
    pub fn ids(&self) -> BTreeSet<String> {
        self.declared.senders().iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::estate::{BASELINE, Estate, PROFILES, region};

    #[test]
    fn a_region_that_this_release_does_not_know_has_its_own_principal_where_aws_says_that_accounts_opt_in() {
        let mut estate = Estate::new(PROFILES, &format!("{BASELINE}[guardduty]\n"));
        let principals = |estate: &Estate| Senders::new(&estate.declared()).guardduty_principals();
        assert!(!principals(&estate).iter().any(|one| one.contains("me-west-1")));
        estate.shared.opt_in.insert(region("me-west-1"));
        assert!(principals(&estate).contains(&"guardduty.me-west-1.amazonaws.com".to_owned()));
        assert!(principals(&estate).contains(&GUARDDUTY.to_owned()));
    }

    #[test]
    fn a_principal_of_a_region_is_told_from_others() {
        assert_eq!(region_of_principal("guardduty.me-west-1.amazonaws.com"), Some(region("me-west-1")));
        for other in
            [GUARDDUTY, "sns.me-west-1.amazonaws.com", "guardduty.global.amazonaws.com", "guardduty..amazonaws.com"]
        {
            assert_eq!(region_of_principal(other), None, "{other}");
        }
    }
}
