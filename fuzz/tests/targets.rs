//! The targets: each replays its corpus, then tries edited inputs for a second, or for as long as
//! `BOLERO_RANDOM_TEST_TIME_MS` says.

use baseline_fuzz::files::{self, BASELINES, Both, PROFILES, Profiles};
use baseline_fuzz::names::{self, NAMES, Name};
use baseline_fuzz::plans::{self, PLANS, Saved};
use baseline_fuzz::policies::{self, POLICIES, Pair};
use baseline_fuzz::records::{self, Lines, RECORDS};
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
fn corpus_of_plans() {
    let mut tally = Tally::new("the corpus of saved plans");
    for seed in PLANS.seeds() {
        let bytes = seed.text.as_bytes();
        tally.count(bytes.len(), || {
            assert!(plans::check(bytes), "{} is refused", seed.path.display());
            true
        });
        // A few hundred bytes, and the last ones, where the digest is, each.
        let (few, tail) = (bytes.len().div_ceil(200), bytes.len().saturating_sub(80));
        for at in (0..tail).step_by(few).chain(tail..bytes.len()) {
            plans::check_byte(bytes, (at, 1));
        }
    }
}

#[test]
fn corpus_of_records() {
    let mut tally = Tally::new("the corpus of records");
    for seed in RECORDS.iter() {
        let bytes = seed.text.as_bytes();
        tally.count(bytes.len(), || {
            assert!(records::check(bytes), "{} is refused", seed.path.display());
            true
        });
        (0..bytes.len()).step_by(131).for_each(|cut| records::check_cut(bytes, cut));
    }
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

#[test]
fn saved_plans() {
    let mut tally = Tally::new("saved plans");
    check!().with_type::<Saved>().for_each(|input| {
        let text = input.text();
        tally.count(text.len(), || plans::check(text.as_bytes()));
        plans::check_byte(text.as_bytes(), input.byte(text.len()));
    });
}

#[test]
fn run_records() {
    let mut tally = Tally::new("records of runs");
    check!().with_type::<Lines>().for_each(|input| {
        let text = input.text();
        tally.count(text.len(), || records::check(text.as_bytes()));
        records::check_cut(text.as_bytes(), input.cut(text.len()));
    });
}
