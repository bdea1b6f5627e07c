//! The files that point AWS clients at the simulation: an AWS profile for the start, and one for every account.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::estate::{Keys, START};
use crate::config::{Account, Duty, Hop, Profiles, Via};
use crate::model::AccountId;

/// The AWS profile of the starting user.
const DEFAULT: &str = "default";

/// An AWS profile: its name, and how it gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry<'a> {
    name: String,
    account: Option<AccountId>,
    way: Way<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way<'a> {
    /// As the starting user.
    Start,
    /// By the jump role, whose session needs a code that nobody is asked for here.
    Opened,
    /// By a role, from the session of another profile.
    Role { hop: &'a Hop, from: String },
}

/// What the files are about.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    pub port: u16,
    pub profiles: &'a Profiles,
    /// The jump role's session, where a device guards it.
    pub jump: Option<Keys>,
    /// The name of the sessions that the profiles open. Another one every time: AWS's clients keep such sessions by it
    /// (`~/.aws/cli/cache`), and would take one of an earlier simulation, or of AWS, for ours.
    pub session_name: String,
}

impl Settings<'_> {
    /// Writes the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
    pub fn write(&self) -> std::io::Result<PathBuf> {
        let folder = free_folder(&std::env::temp_dir(), self.port)?;
        std::fs::write(folder.join("config"), self.config())?;
        std::fs::write(folder.join("credentials"), "# Written by a simulation; see config.\n")?;
        Ok(folder)
    }

    /// The configuration file.
    fn config(&self) -> String {
        let mut text = "# Written by a simulation of AWS, which alone takes these keys.\n".to_owned();
        for Entry { name, way, .. } in entries(self.profiles) {
            let section = if name == DEFAULT { name } else { format!("profile {name}") };
            let _ = writeln!(
                text,
                "\n[{section}]\nregion = {}\nendpoint_url = http://127.0.0.1:{}",
                self.profiles.home_region, self.port
            );
            match way {
                Way::Start => keys(&mut text, &START),
                Way::Opened => keys(&mut text, self.jump.as_ref().unwrap_or(&START)),
                Way::Role { hop, from } => {
                    let _ = writeln!(
                        text,
                        "role_arn = {}\nsource_profile = {from}\nrole_session_name = {}",
                        hop.role, self.session_name
                    );
                    if let Some(external_id) = &hop.external_id {
                        let _ = writeln!(text, "external_id = {}", external_id.reveal());
                    }
                }
            }
        }
        text
    }
}

/// The AWS profiles of a profiles file, by name, with the account that each gets into.
pub(super) fn names(profiles: &Profiles) -> Vec<(String, AccountId)> {
    let named = |entry: Entry<'_>| entry.account.map(|account| (entry.name, account));
    entries(profiles).into_iter().filter_map(named).collect()
}

fn keys(text: &mut String, keys: &Keys) {
    let _ = writeln!(text, "aws_access_key_id = {}\naws_secret_access_key = {}", keys.key, keys.secret);
    if let Some(token) = &keys.token {
        let _ = writeln!(text, "aws_session_token = {token}");
    }
}

/// Every AWS profile: `default` and the one that the profiles file starts from; `jump`, `security` and `log-archive`; every
/// account by its name, and by its id. A name that two accounts have, or that is taken, gets the account's id behind it.
fn entries(profiles: &Profiles) -> Vec<Entry<'_>> {
    let start = [Some(DEFAULT), profiles.jump.profile.as_deref()].into_iter().flatten().collect::<BTreeSet<_>>();
    let duty = |account: &Account| match account.duty {
        Duty::Jump => Some("jump"),
        Duty::Security => Some("security"),
        Duty::LogArchive => Some("log-archive"),
        Duty::Project => None,
    };
    let mut taken: BTreeSet<String> = start.iter().map(|name| (*name).to_owned()).collect();
    taken.extend(["jump", "security", "log-archive"].map(str::to_owned));
    taken.extend(profiles.accounts.iter().map(|account| account.id.to_string()));
    let mut bearers: BTreeMap<String, usize> = BTreeMap::new();
    for account in &profiles.accounts {
        *bearers.entry(plain(&account.name)).or_default() += 1;
    }

    // Hops start from profiles that nothing else can be called.
    let free = |name: &str| if start.contains(name) { format!("{name}-session") } else { name.to_owned() };
    let (jump, security) = (free("jump"), free("security"));
    let into_jump = match &profiles.jump.hop {
        None => Way::Start,
        Some(_) if profiles.jump.mfa.is_some() => Way::Opened,
        Some(hop) => Way::Role { hop, from: DEFAULT.to_owned() },
    };
    let mut found: Vec<Entry<'_>> =
        start.iter().map(|name| Entry { name: (*name).to_owned(), account: None, way: Way::Start }).collect();
    found.push(Entry { name: jump.clone(), account: profiles.jump.account, way: into_jump.clone() });
    for account in &profiles.accounts {
        let way = match (&account.hop, account.duty, account.via) {
            (_, Duty::Jump, _) | (None, ..) => into_jump.clone(),
            (Some(hop), _, Via::Jump) => Way::Role { hop, from: jump.clone() },
            (Some(hop), _, Via::Security) => Way::Role { hop, from: security.clone() },
        };
        let name = plain(&account.name);
        let known = duty(account);
        let named = if name.is_empty() || name == account.id.as_str() || known == Some(name.as_str()) {
            None
        } else if taken.contains(&name) || bearers.get(&name).is_some_and(|bearers| *bearers > 1) {
            Some(format!("{name}-{}", account.id))
        } else {
            Some(name)
        };
        let by_duty = known.filter(|known| *known != "jump").map(free);
        for name in [by_duty, named, Some(account.id.to_string())].into_iter().flatten() {
            found.push(Entry { name, account: Some(account.id), way: way.clone() });
        }
    }
    found
}

/// A name as every AWS client takes it in a section and on a command line: its letters, digits and `_.@+-`; whatever else
/// is a hyphen.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.@+-".contains(c);
    let words = name.split(|c: char| !fits(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").trim_start_matches('-').to_owned()
}

/// Makes a folder that was not there before, so that nobody else can have put a link in its place; nobody else can look
/// into it either, because external ids are in there.
fn free_folder(base: &Path, port: u16) -> std::io::Result<PathBuf> {
    let mut last = None;
    for n in 0..100 {
        let folder = base.join(format!("baseline-sandbox-{}-{port}-{n}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no name is free")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{JUMP, OTHER, PROJECT, SECURITY, profiles};
    use super::*;

    fn named(change: impl FnOnce(&mut Profiles)) -> Vec<String> {
        let mut profiles = profiles(false);
        change(&mut profiles);
        let names = entries(&profiles).into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        let once: BTreeSet<&String> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "each name is one section: {names:?}");
        names
    }

    #[test]
    fn every_account_has_a_profile_by_its_name_and_by_its_id() {
        let names = named(|profiles| profiles.accounts[2].name = "payments-prod".to_owned());
        assert_eq!(names, ["default", "jump", JUMP, "security", SECURITY, "payments-prod", PROJECT, OTHER]);
    }

    #[test]
    fn a_name_with_spaces_is_joined_and_one_that_two_have_gets_the_id() {
        let names = named(|profiles| {
            profiles.accounts[2].name = "Zahlungen: Köln / prod".to_owned();
            profiles.accounts[3].name = "- 支払い -".to_owned();
        });
        assert_eq!(names[5..], ["Zahlungen-K-ln-prod", PROJECT, OTHER]);
        let names = named(|profiles| {
            profiles.accounts[2].name = "data lab".to_owned();
            profiles.accounts[3].name = "data-lab".to_owned();
        });
        assert_eq!(names[5..], ["data-lab-333333333333", PROJECT, "data-lab-444444444444", OTHER]);
    }

    #[test]
    fn no_account_takes_the_name_of_a_start_a_duty_or_another_accounts_id() {
        let names = named(|profiles| {
            profiles.jump.profile = Some("corp".to_owned());
            profiles.accounts[1].name = "corp".to_owned();
            profiles.accounts[2].name = "jump".to_owned();
            profiles.accounts[3].name = PROJECT.to_owned();
        });
        let id = |name: &str, id: &str| format!("{name}-{id}");
        assert_eq!(names[..4], ["corp", "default", "jump", JUMP]);
        assert_eq!(names[4..7], ["security".to_owned(), id("corp", SECURITY), SECURITY.to_owned()]);
        assert_eq!(names[7..], [id("jump", PROJECT), PROJECT.to_owned(), id(PROJECT, OTHER), OTHER.to_owned()]);
        let names = named(|profiles| profiles.jump.profile = Some("security".to_owned()));
        assert_eq!(names[..5], ["default", "security", "jump", JUMP, "security-session"]);
    }
}
