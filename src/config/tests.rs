use super::*;

const PROFILES: &str = include_str!("../../profiles.example.toml");
const MINIMAL: &str = include_str!("../../baselines/minimal.toml");

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn loaded(profiles: &str, baseline: &str) -> Result<Loaded, Problems> {
    load(&source("profiles.toml", profiles), Some(&source("baseline.toml", baseline)))
}

#[test]
fn the_shipped_files_load() {
    let loaded = loaded(PROFILES, MINIMAL).unwrap();
    assert_eq!(loaded.warnings.list, []);
    let profiles = loaded.profiles;
    let duties: Vec<Duty> = profiles.accounts.iter().map(|a| a.duty).collect();
    assert_eq!(duties, [Duty::Jump, Duty::Security, Duty::Project, Duty::Project, Duty::Project]);
    let payments = profiles.account("333333333333".parse().unwrap()).unwrap();
    assert_eq!(payments.hop.as_ref().unwrap().role.to_string(), "arn:aws:iam::333333333333:role/BaselineExecution");
    assert_eq!((payments.wave, payments.via), (2, Via::Security));
    let trail = loaded.baseline.unwrap().cloudtrail.unwrap();
    assert_eq!(trail.global_events_region.as_str(), "us-east-1");
}
