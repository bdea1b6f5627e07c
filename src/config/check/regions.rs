//! Regions and globs over them.

use std::collections::BTreeMap;

use crate::config::RegionChoice;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::RawRegions;
use crate::config::suggest::did_you_mean;
use crate::model::{Partition, Region, RegionGlob};

/// Every direction that AWS has named a Region after: what tells a Region newer than this release from a typo.
const DIRECTIONS: [&str; 9] =
    ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

fn known(partition: Option<Partition>) -> impl Iterator<Item = &'static str> {
    let all = Partition::ALL.into_iter().filter(move |p| partition.is_none_or(|wanted| wanted == *p));
    all.flat_map(|p| p.known_regions().iter().map(|region| region.name))
}

/// Checks one Region's name. A Region that this release does not know is accepted with a warning where it could exist.
pub(crate) fn check_region(at: &At<String>, partition: Option<Partition>, findings: &mut Findings) -> Option<Region> {
    let meant = || did_you_mean(at, known(partition));
    let Some(region) = at.parse::<Region>().ok().filter(|region| !region.is_global()) else {
        findings
            .error(at.span(), format!("`{}` is not a Region", at.as_str()))
            .label("a name such as `ap-northeast-1` is expected")
            .maybe_help(meant());
        return None;
    };
    if let Some(partition) = partition {
        let actual = Partition::of_region(&region);
        if actual != Some(partition) {
            let actual = actual.map_or("an isolated partition".to_owned(), |p| format!("the partition {p}"));
            let names: Vec<&str> = partition.known_regions().iter().take(3).map(|r| r.name).collect();
            findings
                .error(at.span(), format!("`{region}` is not a Region of the partition {partition}"))
                .label(format!("a Region of {actual}"))
                .help(format!("Regions of {partition} are {} and so on; nothing crosses partitions", names.join(", ")));
            return None;
        }
    }
    if known(partition).any(|name| name == region.as_str()) {
        return Some(region);
    }
    if region.as_str().split('-').rev().nth(1).is_some_and(|word| DIRECTIONS.contains(&word)) {
        findings
            .warning(at.span(), format!("`{region}` is not a Region that this release knows"))
            .label("accepted as it is")
            .maybe_help(meant());
        return Some(region);
    }
    findings
        .error(at.span(), format!("`{region}` is not a Region"))
        .label("no Region has this name")
        .maybe_help(meant());
    None
}

fn check_globs(
    at: &At<Vec<At<String>>>,
    including: bool,
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<Vec<RegionGlob>> {
    let mut globs = Vec::new();
    let mut whole = true;
    for text in at.iter() {
        match text.parse::<RegionGlob>() {
            Err(error) => {
                findings
                    .error(text.span(), format!("`{}` is not a glob", text.as_str()))
                    .label(error.reason)
                    .help("* matches any text, ? one character, {a,b} either, [ab] one of these characters");
                whole = false;
            }
            Ok(glob) => {
                let matches = |name: &str| name.parse().is_ok_and(|region| glob.matches(&region));
                // One list of exclusions may serve several partitions; what is in none of them is a typing error.
                let among = if including { partition } else { None };
                if !known(among).any(matches) {
                    let of = among.map_or(String::new(), |p| format!(" of the partition {p}"));
                    findings
                        .warning(
                            text.span(),
                            format!("`{}` matches no Region{of} that this release knows", text.as_str()),
                        )
                        .label(if including { "includes nothing" } else { "excludes nothing" })
                        .maybe_help(did_you_mean(text, known(partition)));
                }
                globs.push(glob);
            }
        }
    }
    whole.then_some(globs)
}

/// Checks a `regions` table; without one every Region counts.
pub(super) fn check_regions(
    at: &Section<RawRegions>,
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<RegionChoice> {
    let include = match &at.include {
        Some(include) if include.is_empty() => {
            findings
                .error(include.span(), "`include` is empty, so no Region would count")
                .label("no glob here")
                .help("leave `include` out to take every Region, or say `baseline = false` for this account");
            None
        }
        Some(include) => check_globs(include, true, partition, findings),
        None => Some(every_region().include),
    };
    let exclude = match &at.exclude {
        Some(exclude) => check_globs(exclude, false, partition, findings),
        None => Some(Vec::new()),
    };
    let list = match &at.list {
        Some(list) if list.is_empty() => {
            findings
                .error(list.span(), "`list` is empty, so no Region would count")
                .label("no Region here")
                .help("leave `list` out to ask AWS which Regions are enabled");
            return None;
        }
        Some(list) => Some(check_list(list, partition, findings)?),
        None => None,
    };
    let choice = RegionChoice { list, include: include?, exclude: exclude? };
    warn_beside_list(at, &choice, findings);
    match (&choice.list, partition) {
        (Some(list), _) if !list.iter().any(|region| choice.allows(region)) => {
            findings.error(at.span(), "no Region is left").label("`include` and `exclude` take away all of `list`");
            return None;
        }
        (None, Some(partition))
            if !known(Some(partition)).filter_map(|n| n.parse().ok()).any(|r| choice.allows(&r)) =>
        {
            findings
                .warning(at.span(), format!("no Region of the partition {partition} that this release knows is left"))
                .label("`include` and `exclude` take all of them away");
        }
        _ => {}
    }
    Some(choice)
}

/// Says what `include` and `exclude` do beside `list`, which alone says which Regions count.
fn warn_beside_list(at: &Section<RawRegions>, choice: &RegionChoice, findings: &mut Findings) {
    let Some(list) = &choice.list else { return };
    let left_out: Vec<&str> = list.iter().filter(|region| !choice.allows(region)).map(Region::as_str).collect();
    if left_out.len() == list.len() {
        return;
    }
    for (key, globs) in [("include", &at.include), ("exclude", &at.exclude)] {
        let Some(globs) = globs else { continue };
        let message = match left_out.is_empty() {
            true => format!("`{key}` has no effect beside `list`"),
            false => format!("`{key}` beside `list` takes Regions away from it: {} left out", are(&left_out)),
        };
        findings
            .warning(globs.span(), message)
            .label("`list` names the Regions already")
            .help("keep `list` for exactly these Regions, or `include` and `exclude` to choose from those that AWS says are enabled");
    }
}

/// The Regions, and a verb for as many.
fn are(regions: &[&str]) -> String {
    let verb = if regions.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", regions.join(", "))
}

fn check_list(at: &At<Vec<At<String>>>, partition: Option<Partition>, findings: &mut Findings) -> Option<Vec<Region>> {
    let mut seen: BTreeMap<&str, &At<String>> = BTreeMap::new();
    let mut list = Vec::new();
    for text in at.iter() {
        if let Some(first) = seen.insert(text, text) {
            findings
                .error(text.span(), format!("`{}` is listed twice", text.as_str()))
                .label("again")
                .also(first.span(), "first here");
            continue;
        }
        list.extend(check_region(text, partition, findings));
    }
    (list.len() == at.len()).then_some(list)
}

/// What counts where nothing is said.
pub(super) fn every_region() -> RegionChoice {
    RegionChoice { list: None, include: "*".parse().into_iter().collect(), exclude: Vec::new() }
}
