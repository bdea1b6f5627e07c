use crate::config::{Profiles, Tolerance};
use crate::model::AccountId;
use crate::report::Wave;

/// In which order accounts are changed, and how many failures end it.
#[derive(Debug, Clone, Default)]
pub struct Rollout {
    /// The account that goes first, alone; the rest follows when it ended well.
    pub canary: Option<AccountId>,
    /// How many accounts of a wave may fail before the next wave is not started any more.
    pub max_failures: Tolerance,
    /// How many accounts of all may.
    pub max_failures_overall: Tolerance,
}

impl Rollout {
    /// When an account's turn is. What all others need comes first, whatever wave its account declares: a project that
    /// went before it would only be skipped.
    pub fn wave(&self, profiles: &Profiles, account: AccountId) -> Wave {
        if account == profiles.security || account == profiles.bucket_owner {
            Wave::Holders
        } else if Some(account) == self.canary {
            Wave::Canary
        } else {
            Wave::Declared(profiles.account(account).map_or(0, |account| account.wave))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    const PROFILES: &str = r#"
[jump]
account = "111111111111"

[security]
account = "222222222222"
role = "BaselineSecurity"
home_region = "us-east-1"

[log_archive]
account = "333333333333"
role = "BaselineLogArchive"

[defaults]
role = "BaselineExecution"
regions = { list = ["us-east-1"] }

[[account]]
id = "444444444444"
name = "payments"

[[account]]
id = "555555555555"
name = "ledger"
wave = 7
"#;

    #[test]
    fn whoever_holds_what_the_others_need_goes_first_and_then_the_canary() {
        let source = Source { path: "profiles.toml".to_owned(), text: PROFILES.to_owned() };
        let loaded = load(&source, None).unwrap_or_else(|problems| panic!("{:?}", problems.list));
        let wave = |id: &str, canary: Option<&str>| {
            let canary = canary.map(|id| id.parse().unwrap());
            Rollout { canary, ..Rollout::default() }.wave(&loaded.profiles, id.parse().unwrap())
        };
        for canary in [None, Some("222222222222"), Some("333333333333"), Some("555555555555")] {
            assert_eq!(wave("222222222222", canary), Wave::Holders, "the security account");
            assert_eq!(wave("333333333333", canary), Wave::Holders, "the log archive");
        }
        assert_eq!(wave("555555555555", Some("555555555555")), Wave::Canary);
        assert_eq!(wave("555555555555", Some("444444444444")), Wave::Declared(7));
        assert_eq!(wave("444444444444", None), Wave::Declared(1));
        assert_eq!(wave("111111111111", None), Wave::Declared(1));
    }
}
