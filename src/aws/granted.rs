//! What `AssumeRole` answered, looked at before it is used: whose session it is, and whether it is one.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::types::Credentials as Given;

use super::clients::Aws;
use super::known;
use crate::model::{Arn, Fault, Secrets};
use crate::report::record::rfc3339;

/// No session of a role lasts longer (STS API Reference, `AssumeRole`, `DurationSeconds`): one that says so is renewed as
/// if it did not.
const LONGEST_LIFE: Duration = Duration::from_secs(43_200);

/// Why a session is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is of this, and not of the role that was asked for.
    OfAnother(String),
    /// It was over when it came: no other one would be better, and asking for it has no end.
    Over { ends: SystemTime, now: SystemTime },
    /// Its end is no time.
    Endless,
}

/// The session that was given, of `whose` ARN as far as the answer says so. What it opens is asked for again, of
/// `GetCallerIdentity`, before it is used.
pub(super) fn session(given: &Given, whose: Option<&str>, role: &Arn, aws: &Aws) -> Result<Credentials, Wrong> {
    let token = given.session_token().to_owned();
    let (key, secret) = (given.access_key_id(), given.secret_access_key());
    // Noted in any case: it was given.
    known::credentials(&Credentials::new(key, secret, Some(token.clone()), None, "BaselineHop"), &aws.secrets);
    if let Some(arn) = whose.filter(|arn| !arn.is_empty() && !is_of(arn, role)) {
        return Err(Wrong::OfAnother(arn.to_owned()));
    }
    let now = aws.clock.wall();
    let ends = SystemTime::try_from(*given.expiration()).map_err(|_| Wrong::Endless)?;
    if ends <= now {
        return Err(Wrong::Over { ends, now });
    }
    Ok(Credentials::new(key, secret, Some(token), Some(ends.min(now + LONGEST_LIFE)), "BaselineHop"))
}

/// Whether a session is one of the role's: its ARN has the role's name without the path (IAM User Guide, "IAM ARNs").
fn is_of(session: &str, role: &Arn) -> bool {
    let Ok(session) = session.parse::<Arn>() else { return false };
    let name = session.resource().strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    session.account() == role.account() && session.partition() == role.partition() && name == role.role_name()
}

impl Wrong {
    /// What kind of failure it is, what is wrong, and what to do.
    pub(super) fn told(&self, role: &Arn, secrets: &Secrets) -> (Fault, String, String) {
        match self {
            Wrong::OfAnother(arn) => (
                Fault::WrongAccount,
                format!("AWS answered with a session of {}, not of {role}: it was not used", secrets.clean(arn)),
                "what answers for STS here is not AWS, or is not what it should be: check AWS_ENDPOINT_URL and the proxy \
                 settings"
                    .to_owned(),
            ),
            Wrong::Over { ends, now } => (
                Fault::Credentials,
                format!(
                    "the session that AWS gave was over when it came: it ends at {}, and by the clock of this machine it is \
                     {}",
                    time(*ends),
                    time(*now)
                ),
                "set the clock of this machine, then run again".to_owned(),
            ),
            Wrong::Endless => (
                Fault::Credentials,
                "the session that AWS gave ends at no time that there is".to_owned(),
                "check the clock of this machine, AWS_ENDPOINT_URL and the proxy settings".to_owned(),
            ),
        }
    }
}

/// A time in words; what is said may be any time.
fn time(time: SystemTime) -> String {
    // To the year 9999, as far as calendars go.
    const LAST: u64 = 253_402_300_799;
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since.as_secs() <= LAST => rfc3339(time),
        Ok(_) => "a time after the year 9999".to_owned(),
        Err(_) => "a time before 1970".to_owned(),
    }
}
