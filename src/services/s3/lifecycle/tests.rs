//! Which rules count as ours, what of them differs, and which rules of others take logs away.

use super::*;

const OURS: &str = "<Rule><ID>BaselineRetention</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
    <Expiration><Days>400</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>400</NoncurrentDays>\
    </NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
    </AbortIncompleteMultipartUpload></Rule>";
const FILTER: &str = "<Filter><Prefix></Prefix></Filter>";
const YEARS: Lifetimes = Lifetimes { current: Some(400), noncurrent: Some(400) };
const FOR_EVER: Lifetimes = Lifetimes { current: None, noncurrent: None };

fn document(rules: &str) -> Element {
    Element::parse(format!("<{ROOT}>{rules}</{ROOT}>").as_bytes(), ROOT).unwrap()
}

fn own_of(rule: &str, prefix: &str) -> Own {
    own(&document(rule).children, prefix)
}

fn logs() -> Logs {
    let accounts = ["222222222222", "333333333333"].map(str::to_owned).into();
    Logs { prefix: "org/AWSLogs/".to_owned(), accounts }
}

fn said(rules: &str, declared: Lifetimes, versioning: Versioning) -> Vec<String> {
    let remarks = remarks(&document(rules).children, &logs(), declared, versioning);
    let text = |remark| match remark {
        Remark::Sooner { reason, .. } => reason,
        Remark::Untold(text) => format!("UNTOLD {text}"),
    };
    remarks.into_iter().map(text).collect()
}

/// A rule of somebody, with this filter and these actions.
fn theirs(filter: &str, actions: &str) -> String {
    format!("<Rule><ID>tidy</ID>{filter}<Status>Enabled</Status>{actions}</Rule>")
}

const ONE_DAY: &str = "<Expiration><Days>1</Days></Expiration>";
const OLD_GO: &str = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";

#[test]
fn our_rule_as_we_write_it_has_nothing_besides_its_days() {
    let written = merged(None, YEARS, "").unwrap();
    assert_eq!(written, document(OURS));
    assert_eq!(own(&written.children, ""), Own { kept: YEARS, rest: BTreeMap::new() });
    let limited = merged(None, YEARS, "org/AWSLogs/").unwrap();
    assert_eq!(own(&limited.children, "org/AWSLogs/"), Own { kept: YEARS, rest: BTreeMap::new() });
    // No rule at all keeps everything, and is what is written for that.
    assert_eq!(own(&[], "").kept, FOR_EVER);
    assert_eq!(merged(None, FOR_EVER, ""), None);
    assert_eq!(merged(Some(&document(OURS)), FOR_EVER, ""), None);
}

#[test]
fn other_spellings_of_the_whole_bucket_are_the_whole_bucket() {
    for whole in ["<Filter/>", "<Prefix></Prefix>", "<Prefix/>"] {
        assert_eq!(own_of(&OURS.replace(FILTER, whole), ""), Own { kept: YEARS, rest: BTreeMap::new() }, "{whole}");
    }
}

#[test]
fn whatever_was_done_to_our_rule_is_a_difference() {
    let glacier = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";
    let size = "<ObjectSizeGreaterThan>1000000</ObjectSizeGreaterThan>";
    let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    for (what, rule, kept, rest) in [
        ("a tag", OURS.replace(FILTER, &format!("<Filter>{tag}</Filter>")), FOR_EVER, "Filter"),
        ("a size", OURS.replace(FILTER, &format!("<Filter>{size}</Filter>")), FOR_EVER, "Filter"),
        (
            "both",
            OURS.replace(FILTER, &format!("<Filter><And><Prefix></Prefix>{tag}{size}</And></Filter>")),
            FOR_EVER,
            "Filter",
        ),
        ("a prefix of its own", OURS.replace(FILTER, "<Prefix>elsewhere/</Prefix>"), FOR_EVER, "Filter"),
        ("a prefix in the filter", OURS.replace("<Prefix></Prefix>", "<Prefix>a/</Prefix>"), FOR_EVER, "Filter"),
        ("an unknown filter", OURS.replace(FILTER, "<Filter><Owner>me</Owner></Filter>"), FOR_EVER, "Filter"),
        ("switched off", OURS.replace("Enabled", "Disabled"), FOR_EVER, "Status"),
        ("a transition", OURS.replace("</Rule>", &format!("{glacier}</Rule>")), YEARS, "Transition"),
        (
            "old versions kept by number",
            OURS.replace("</NoncurrentDays>", "</NoncurrentDays><NewerNoncurrentVersions>5</NewerNoncurrentVersions>"),
            Lifetimes { noncurrent: None, ..YEARS },
            "NoncurrentVersionExpiration",
        ),
        (
            "a date",
            OURS.replace("<Days>400</Days>", "<Date>2030-01-01T00:00:00.000Z</Date>"),
            Lifetimes { current: None, ..YEARS },
            "Expiration",
        ),
        ("other uploads", OURS.replace(">7<", ">1<"), YEARS, "AbortIncompleteMultipartUpload"),
        ("something new", OURS.replace("</Rule>", "<Purge><Hours>1</Hours></Purge></Rule>"), YEARS, "Purge"),
    ] {
        let own = own_of(&rule, "");
        assert_eq!(own.kept, kept, "{what}");
        assert_eq!(own.rest.keys().collect::<Vec<_>>(), [rest], "{what}");
    }
    let start = OURS.find("<Abort").unwrap();
    let without = format!("{}</Rule>", &OURS[..start]);
    assert_eq!(own_of(&without, "").rest, [("AbortIncompleteMultipartUpload".to_owned(), Value::Null)].into());
    // A rule for the whole bucket covers the logs, but also what must not expire.
    let wide = own_of(OURS, "org/AWSLogs/");
    assert_eq!((wide.kept, wide.rest.keys().next().map(String::as_str)), (YEARS, Some("Filter")));
}

#[test]
fn other_peoples_rules_are_written_back_in_one_form_and_with_all_they_say() {
    let old = "<Rule><ID>old</ID><Prefix>tmp/</Prefix><Status>Enabled</Status><Expiration><Days>3</Days></Expiration>\
               <Novelty><A>1</A></Novelty></Rule>";
    let nothing = "<Rule><ID>bare</ID><Status>Disabled</Status><Expiration><Days>3</Days></Expiration></Rule>";
    let new = theirs("<Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>", ONE_DAY);
    let before = document(&format!("{old}{nothing}{new}"));
    let after = merged(Some(&before), YEARS, "").unwrap();
    let rules: Vec<&Element> = after.all("Rule").collect();
    assert_eq!(rules.len(), 4);
    assert!(rules.iter().all(|rule| rule.child("Prefix").is_none() && rule.child("Filter").is_some()), "{after:?}");
    assert_eq!(
        rules[0].json(),
        json!({ "ID": "old", "Filter": { "Prefix": "tmp/" }, "Status": "Enabled", "Expiration": { "Days": 3 },
            "Novelty": { "A": 1 } })
    );
    assert_eq!(rules[1].json()["Filter"], json!({ "Prefix": "" }));
    assert_eq!(*rules[2], before.children[2]);
    assert!(has_own(&after) && !has_own(&before));
    // Written once, it is the same again.
    assert_eq!(merged(Some(&after), YEARS, "").unwrap(), after);
}

#[test]
fn a_rule_that_takes_our_logs_away_sooner_is_told_with_what_it_does() {
    let told = |rule: &str, declared, versioning| {
        let said = said(rule, declared, versioning).join("\n");
        said.strip_prefix("lifecycle rule `tidy` of the bucket, which is not ours, ").unwrap().to_owned()
    };
    let below = theirs("<Filter><Prefix>org/AWSLogs/</Prefix></Filter>", ONE_DAY);
    assert_eq!(
        told(&below, YEARS, Versioning::Enabled),
        "hides logs below `org/AWSLogs/` after 1 day: versioning is on, so that expiration alone puts a delete marker over \
         them, and their versions stay for 400 days; logs are declared to be kept for 400 days"
    );
    assert_eq!(
        told(&below, FOR_EVER, Versioning::Suspended),
        "removes logs below `org/AWSLogs/` after 1 day: versioning is not on, so that they are gone; logs are declared to be \
         kept for ever"
    );
    assert_eq!(
        told(&theirs("<Filter/>", &format!("{ONE_DAY}{OLD_GO}")), YEARS, Versioning::Enabled),
        "hides logs after 1 day and removes their versions for good 1 day after they became old; logs are declared to be \
         kept for 400 days"
    );
    assert_eq!(
        told(&theirs("<Filter/>", OLD_GO), YEARS, Versioning::Enabled),
        "removes overwritten and deleted versions of logs 1 day after they became old; logs are declared to be kept for \
         400 days"
    );
    let date = "<Expiration><Date>2026-12-01T00:00:00.000Z</Date></Expiration>";
    assert_eq!(
        told(&theirs("<Prefix>org/</Prefix>", date), YEARS, Versioning::Off),
        "removes logs below `org/` from 2026-12-01T00:00:00.000Z on, whatever their age: versioning is not on, so that they \
         are gone; logs are declared to be kept for 400 days"
    );
}

#[test]
fn a_rule_counts_only_if_it_can_hold_for_a_log_of_ours() {
    let told = |filter: &str| said(&theirs(filter, ONE_DAY), YEARS, Versioning::Enabled).len();
    let plain = |prefix: &str| format!("<Filter><Prefix>{prefix}</Prefix></Filter>");
    for prefix in
        ["", "o", "org/", "org/AWSLogs", "org/AWSLogs/", "org/AWSLogs/3333", "org/AWSLogs/333333333333/Config/"]
    {
        assert_eq!(told(&plain(prefix)), 1, "{prefix}");
        assert_eq!(told(&format!("<Prefix>{prefix}</Prefix>")), 1, "{prefix}");
    }
    // An organization's trail.
    assert_eq!(told(&plain("org/AWSLogs/o-example/")), 1);
    for prefix in ["AWSLogs/", "organ/", "tmp/", "org/AWSLogs/999999999999/", "org/AWSLogs/9", "org/other/"] {
        assert_eq!(told(&plain(prefix)), 0, "{prefix}");
    }
    let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    let greater = |size: i64| format!("<ObjectSizeGreaterThan>{size}</ObjectSizeGreaterThan>");
    let less = |size: i64| format!("<ObjectSizeLessThan>{size}</ObjectSizeLessThan>");
    let and = |parts: &str| format!("<Filter><And><Prefix>org/</Prefix>{parts}</And></Filter>");
    for (filter, count) in [
        (format!("<Filter>{tag}</Filter>"), 0),
        (and(tag), 0),
        (format!("<Filter>{}</Filter>", greater(100)), 1),
        (format!("<Filter>{}</Filter>", less(1_000_000)), 1),
        (and(&format!("{}{}", greater(100), less(200))), 1),
        // No object is so small, so large, or between two numbers that have none between them.
        (format!("<Filter>{}</Filter>", less(1)), 0),
        (format!("<Filter>{}</Filter>", greater(LARGEST_OBJECT)), 0),
        (and(&format!("{}{}", greater(100), less(101))), 0),
        (and("<Owner>me</Owner>"), 1),
    ] {
        assert_eq!(told(&filter), count, "{filter}");
    }
}

#[test]
fn a_rule_that_takes_nothing_away_sooner_is_nothing_to_tell() {
    let nothing = |actions: &str| {
        for filter in ["<Filter/>", "<Prefix/>"] {
            assert_eq!(said(&theirs(filter, actions), YEARS, Versioning::Enabled), [""; 0], "{actions}");
        }
    };
    nothing("<Expiration><Days>400</Days></Expiration>");
    nothing("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>");
    nothing(
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
    );
    nothing("<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>");
    nothing(&OLD_GO.replace(">1<", ">400<"));
    let off = theirs("<Filter/>", ONE_DAY).replace("Enabled", "Disabled");
    assert_eq!(said(&off, YEARS, Versioning::Enabled), [""; 0]);
    // What is declared to be kept for ever goes sooner after any number of days.
    let long = theirs("<Filter/>", "<Expiration><Days>36500</Days></Expiration>");
    assert_eq!(said(&long, FOR_EVER, Versioning::Enabled).len(), 1);
    assert_eq!(said(OURS, FOR_EVER, Versioning::Enabled), [""; 0], "ours is drift, and no finding");
}

#[test]
fn an_action_that_is_not_known_is_said_not_to_be() {
    let unknown = theirs("<Filter/>", "<Purge><Hours>1</Hours></Purge>");
    let said = said(&unknown, YEARS, Versioning::Enabled);
    assert!(said.len() == 1 && said[0].starts_with("UNTOLD") && said[0].contains("`Purge`"), "{said:?}");
}

#[test]
fn what_an_acceptance_is_bound_to_changes_with_the_rule_and_not_with_its_spelling() {
    let content = |rule: &str| match &remarks(&document(rule).children, &logs(), YEARS, Versioning::Enabled)[..] {
        [Remark::Sooner { content, .. }] => content.to_string(),
        other => panic!("{other:?}"),
    };
    let accepted = content(&theirs("<Prefix>org/</Prefix>", "<Expiration><Days>30</Days></Expiration>"));
    assert_eq!(
        accepted,
        content(&theirs("<Filter>\n<Prefix>org/</Prefix></Filter>", "<Expiration><Days>30</Days></Expiration>"))
    );
    assert_ne!(accepted, content(&theirs("<Prefix>org/</Prefix>", ONE_DAY)));
    assert_ne!(accepted, content(&theirs("<Prefix>o</Prefix>", "<Expiration><Days>30</Days></Expiration>")));
}
