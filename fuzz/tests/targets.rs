//! The targets: each replays its corpus, then tries edited inputs for a second, or for as long as
//! `BOLERO_RANDOM_TEST_TIME_MS` says.

use baseline_fuzz::files::{self, BASELINES, Both, PROFILES, Profiles};
use baseline_fuzz::names::{self, NAMES, Name};
use baseline_fuzz::policies::{self, POLICIES, Pair};
use baseline_fuzz::tally::Tally;
use bolero::check;

/// A pair of files that is right, to try the other one with.
const EXAMPLE: &str = include_str!("../../profiles.example.toml");
const MINIMAL: &str = include_str!("../../baselines/minimal.toml");

#[test]
fn corpus_of_files() {
    let mut tally = Tally::new("the corpus of files");
    for (which, seed) in PROFILES.seeds().iter().enumerate() {
        tally.count(seed.text.len(), || files::check(&seed.text, None));
        let planted = files::plant(&seed.text, which as u16);
        files::check_secrets(&planted, MINIMAL);
        tally.count(planted.len(), || files::check(&planted, Some(MINIMAL)));
    }
    for (which, seed) in BASELINES.seeds().iter().enumerate() {
        tally.count(seed.text.len(), || files::check(EXAMPLE, Some(&seed.text)));
        let planted = files::plant(&seed.text, which as u16);
        files::check_secrets(EXAMPLE, &planted);
        tally.count(planted.len(), || files::check(EXAMPLE, Some(&planted)));
    }
}

#[test]
fn corpus_of_policies() {
    let mut tally = Tally::new("the corpus of policies");
    let seeds = POLICIES.seeds();
    let policies: Vec<_> = seeds
        .iter()
        .filter_map(|seed| {
            let mut policy = None;
            tally.count(seed.text.len(), || {
                policy = policies::check(&seed.text);
                policy.is_some()
            });
            policy
        })
        .collect();
    for one in &policies {
        policies.iter().for_each(|other| policies::check_pair(one, other));
    }
}

#[test]
fn corpus_of_names() {
    let mut tally = Tally::new("the corpus of names");
    NAMES.lines().iter().for_each(|line| tally.count(line.len(), || names::check(line)));
}

#[test]
fn profiles() {
    let mut tally = Tally::new("profiles");
    check!().with_type::<Profiles>().for_each(|input| {
        let text = input.text();
        tally.count(text.len(), || files::check(&text, None));
    });
}

#[test]
fn both_files() {
    let mut tally = Tally::new("both files");
    check!().with_type::<Both>().for_each(|input| {
        let (profiles, baseline) = input.texts();
        files::check_secrets(&profiles, &baseline);
        tally.count(profiles.len() + baseline.len(), || files::check(&profiles, Some(&baseline)));
    });
}

#[test]
fn policies() {
    let mut tally = Tally::new("policies");
    check!().with_type::<Pair>().for_each(|input| {
        let (one, other) = input.texts();
        tally.count(one.len() + other.len(), || {
            let one = policies::check(&one);
            if let (Some(one), Some(other)) = (&one, &policies::check(&other)) {
                policies::check_pair(one, other);
            }
            one.is_some()
        });
    });
}

#[test]
fn names() {
    let mut tally = Tally::new("names");
    check!().with_type::<Name>().for_each(|input| {
        let text = input.text();
        tally.count(text.len(), || names::check(&text));
    });
}
