//! Account ids, Regions, ARNs, addresses and the globs over them.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use baseline::model::{AccountId, Address, AddressGlob, Arn, Region, RegionGlob, Target};
use bolero::TypeGenerator;

use crate::corpus::{pick, seeds};
use crate::text;

/// Every line of the corpus, and what the addresses and Regions among them are.
#[derive(Debug)]
pub struct Names {
    lines: Vec<String>,
    pieces: Vec<String>,
    addresses: Vec<Address>,
    regions: Vec<Region>,
}

impl Names {
    /// Every line of the corpus: a name, an ARN or a glob each.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// The names of the corpus, read once.
pub static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut lines: Vec<String> =
        seeds(&["fuzz/corpus/names"], "txt").iter().flat_map(|seed| seed.text.lines().map(str::to_owned)).collect();
    lines.sort();
    lines.dedup();
    let mut pieces: Vec<String> =
        lines.iter().flat_map(|line| line.split([':', '/', '-', '.', ','])).map(str::to_owned).collect();
    pieces.sort();
    pieces.dedup();
    let addresses: Vec<Address> = lines.iter().filter_map(|line| line.parse().ok()).collect();
    let regions: Vec<Region> = lines.iter().filter_map(|line| line.parse().ok()).collect();
    assert!(addresses.len() > 3 && regions.len() > 3, "there is nothing to match globs against");
    Names { lines, pieces, addresses, regions }
});

/// One edit to a name.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Changes characters, wherever they stand in the name.
    Text(text::Edit),
    /// Exchanges one piece between separators for any piece of the corpus.
    Piece(u16, u16),
    /// Appends any piece of the corpus behind a separator.
    Append(u8, u16),
}

/// A line of the corpus, edited.
#[derive(Clone, TypeGenerator)]
pub struct Name {
    seed: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=6))]
    edits: Vec<Edit>,
}

impl Name {
    /// The text of the name, after the edits.
    pub fn text(&self) -> String {
        let mut text = pick(&NAMES.lines, self.seed).cloned().unwrap_or_default();
        for edit in &self.edits {
            match edit {
                Edit::Text(edit) => edit.apply(&mut text),
                Edit::Piece(which, from) => {
                    let separator = |c: char| [':', '/', '-', '.', ','].contains(&c);
                    let pieces: Vec<&str> = text.split_inclusive(separator).collect();
                    let Some(at) = crate::corpus::index(pieces.len(), *which) else { continue };
                    let end = pieces[at].chars().last().filter(|c| separator(*c)).map(String::from).unwrap_or_default();
                    let new = format!("{}{end}", pick(&NAMES.pieces, *from).map_or("", String::as_str));
                    text = [&pieces[..at], &[new.as_str()], &pieces[at + 1..]].concat().concat();
                }
                Edit::Append(separator, from) => {
                    text.push([':', '/', '-', '.', '*', '{', ',', '}'][usize::from(*separator) % 8]);
                    text.push_str(pick(&NAMES.pieces, *from).map_or("", String::as_str));
                }
            }
        }
        text
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

/// Checks one text as each of the names; answers whether it is any but a glob, which nearly everything is.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(text: &str) -> bool {
    let account = round_trip::<AccountId>(text);
    assert_eq!(account.is_some(), text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()));
    let region = round_trip::<Region>(text);
    let target = round_trip_of_arn(text);
    let address = round_trip::<Address>(text);
    if let Some(address) = &address {
        check_address(text, address);
    }
    check_region_glob(text, region.as_ref());
    check_address_glob(text, address.as_ref());
    account.is_some() || region.is_some() || target || address.is_some()
}

/// What is read is printed as it was written, and is the same in JSON.
fn round_trip<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq + serde::Serialize + serde::de::DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(name) => {
            assert_eq!(name.to_string(), text);
            let json = serde_json::to_string(&name).expect("a text");
            assert_eq!(json, serde_json::to_string(text).expect("a text"));
            assert_eq!(serde_json::from_str::<T>(&json).expect("the same text"), name);
            Some(name)
        }
        Err(error) => {
            assert!(error.to_string().contains(text), "an error does not name what is wrong: {error}");
            assert!(serde_json::from_value::<T>(text.into()).is_err());
            None
        }
    }
}

fn round_trip_of_arn(text: &str) -> bool {
    let Some(arn) = round_trip::<Arn>(text) else { return false };
    let again = Arn::new(arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource());
    assert_eq!(again, arn);
    if let (Some(name), Some(account)) = (arn.role_name(), arn.account()) {
        assert!(!name.contains('/'));
        let role = Arn::role(arn.partition(), account, name);
        assert_eq!(role.role_name(), Some(name));
    }
    true
}

fn check_address(text: &str, address: &Address) {
    assert_eq!(Address::new(address.target.clone(), address.kind, address.name.clone()), *address);
    // An address is a glob that matches it, unless its name holds what means something in a glob, or is longer than any
    // name that AWS has.
    if text.len() <= 900 && !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        let glob: AddressGlob = text.parse().expect("a glob");
        assert!(glob.matches(address) && glob.touches(&address.target), "{text} does not match itself");
    }
}

fn check_region_glob(text: &str, region: Option<&Region>) {
    let Ok(glob) = text.parse::<RegionGlob>() else { return };
    assert_eq!(glob.as_str(), text);
    for region in &NAMES.regions {
        glob.matches(region);
    }
    assert!(region.is_none_or(|region| glob.matches(region)), "{text} does not match itself");
}

fn check_address_glob(text: &str, address: Option<&Address>) {
    let Ok(glob) = text.parse::<AddressGlob>() else { return };
    assert_eq!(glob.as_str(), text);
    for address in NAMES.addresses.iter().chain(address) {
        let target: &Target = &address.target;
        assert!(
            !glob.matches(address) || glob.touches(target),
            "`{text}` matches {address} and does not touch {target}"
        );
    }
}
