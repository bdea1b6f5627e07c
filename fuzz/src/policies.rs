//! Policy documents: what must hold whatever AWS, or a person, puts into one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use baseline::policy::{Caller, Decision, Policy, PrincipalType, Principals, Request, Statement, Who, evaluate};
use bolero::TypeGenerator;

use crate::corpus::seeds;
use crate::json::{Edit, Pool};
use crate::text;

/// Every policy of the corpus.
pub static POLICIES: LazyLock<Pool> = LazyLock::new(|| Pool::new(seeds(&["fuzz/corpus/policy"], "json")));

/// Two policies of the corpus, edited.
#[derive(Clone, TypeGenerator)]
pub struct Pair {
    one: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=6))]
    edits: Vec<Edit>,
    /// Edits to the printed text, where members can stand twice and brackets be missing.
    #[generator(Vec::<text::Edit>::produce().with().len(0usize..=2))]
    text_edits: Vec<text::Edit>,
    /// Whether the text is edited at all.
    broken: bool,
    other: u16,
    /// Whether the other one is made from the first, so that the two often mean the same.
    derived: bool,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=2))]
    more_edits: Vec<Edit>,
}

impl Pair {
    /// Both texts.
    pub fn texts(&self) -> (String, String) {
        let mut one = POLICIES.edited(self.one, &self.edits).to_string();
        let edits = if self.derived { [&self.edits[..], &self.more_edits].concat() } else { self.more_edits.clone() };
        let other = POLICIES.edited(if self.derived { self.one } else { self.other }, &edits).to_string();
        for edit in self.text_edits.iter().filter(|_| self.broken) {
            edit.apply(&mut one);
        }
        (one, other)
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = self.texts();
        write!(f, "\n{one}\n{other}")
    }
}

/// Checks one policy; answers it if it is one.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(text: &str) -> Option<Policy> {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let printed = policy.to_json();
    assert_eq!(policy.size(), printed.len());
    assert_eq!(Policy::parse(&printed).expect("what is printed is read"), policy, "printed: {printed}");
    assert!(policy.equivalent(&policy), "not equivalent to itself: {printed}");

    let canonical = policy.canonical();
    assert_eq!(canonical.canonical(), canonical, "the canonical form of {printed}");
    assert!(canonical.equivalent(&policy) && policy.equivalent(&canonical), "{printed}");
    let canonical_printed = canonical.to_json();
    assert_eq!(Policy::parse(&canonical_printed).expect("what is printed is read"), canonical, "{canonical_printed}");
    same_decisions(&policy, &canonical);
    let (named, left) = (policy.account_ids(), canonical.account_ids());
    if policy.statements.iter().any(names_everyone) {
        assert!(left.is_subset(&named), "{printed}");
    } else {
        assert_eq!(left, named, "{printed}");
    }

    // Order says nothing, neither among statements nor in lists.
    let mut turned = policy.clone();
    turned.statements.reverse();
    turned.statements.extend(policy.statements.first().cloned());
    assert!(turned.equivalent(&policy), "order or repetition matters in {printed}");

    foreign_statements_survive(&policy);
    for statement in &policy.statements {
        statement.is_open_to_world();
    }
    Some(policy)
}

/// Checks two policies against each other.
///
/// # Panics
///
/// When a property does not hold.
pub fn check_pair(one: &Policy, other: &Policy) {
    let equivalent = one.equivalent(other);
    assert_eq!(equivalent, other.equivalent(one), "{}\n{}", one.to_json(), other.to_json());
    assert_eq!(equivalent, one.canonical().to_json() == other.canonical().to_json());
    if equivalent {
        same_decisions(one, other);
        let owned = |policy: &Policy| policy.canonical().owned().cloned().collect::<Vec<_>>();
        assert_eq!(owned(one), owned(other), "{}\n{}", one.to_json(), other.to_json());
    }
}

/// Whether a list of principals has `*` in it: whoever stands beside it is one of everyone, named or not.
fn names_everyone(statement: &Statement) -> bool {
    match statement.principal.as_ref().map(Principals::who) {
        Some(Who::Named(lists)) => lists.get(&PrincipalType::Aws).is_some_and(|names| names.iter().any(|n| n == "*")),
        _ => false,
    }
}

fn ours() -> Vec<Statement> {
    vec![
        Statement::allow("BaselineWrite", ["s3:PutObject"])
            .for_services(["cloudtrail.amazonaws.com"])
            .on(["arn:aws:s3:::logs/AWSLogs/*"])
            .when("StringEquals", "aws:SourceAccount", ["111111111111"]),
        Statement::deny("BaselineTls", ["s3:*"]).for_everyone().on(["*"]).when(
            "Bool",
            "aws:SecureTransport",
            ["false"],
        ),
    ]
}

fn foreign_statements_survive(existing: &Policy) {
    let merged = Policy::replacing_owned(Some(existing), ours(), false);
    assert!(merged.foreign().eq(existing.foreign()), "a foreign statement of {} is lost", existing.to_json());
    assert!(merged.owned().eq(ours().iter()));
    let foreign = |policy: &Policy| Policy { statements: policy.foreign().cloned().collect(), ..policy.clone() };
    assert!(
        foreign(&merged).equivalent(&foreign(existing)),
        "what remains of {} means another thing",
        existing.to_json()
    );
    same_decisions(&foreign(&merged), &foreign(existing));
    let read = Policy::parse(&merged.to_json()).expect("what is printed is read");
    assert_eq!(Policy::replacing_owned(Some(&read), ours(), false), merged, "the next run would change it again");
    assert_eq!(Policy::replacing_owned(Some(existing), ours(), true).statements, ours());
}

/// Whether two policies answer alike whatever they are asked.
fn same_decisions(one: &Policy, other: &Policy) {
    let context = |pairs: &[(&str, &str)]| -> BTreeMap<String, Vec<String>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect()
    };
    let contexts = [
        context(&[]),
        context(&[
            ("aws:SourceAccount", "111111111111"),
            ("aws:SourceArn", "arn:aws:cloudtrail:us-east-1:111111111111:trail/baseline"),
            ("aws:SecureTransport", "true"),
            ("s3:x-amz-acl", "bucket-owner-full-control"),
        ]),
        context(&[("aws:SecureTransport", "false"), ("aws:SourceIp", "10.1.2.3"), ("aws:username", "alice")]),
    ];
    let callers = [
        Caller::Anonymous,
        Caller::Service("cloudtrail.amazonaws.com"),
        Caller::Aws("arn:aws:iam::111111111111:root"),
        Caller::Aws("arn:aws:sts::222222222222:assumed-role/Baseline/run"),
    ];
    for principal in callers {
        for (action, resource) in [("s3:PutObject", "arn:aws:s3:::logs/AWSLogs/111111111111/x"), ("kms:Decrypt", "*")] {
            for context in &contexts {
                let request = Request { principal, action, resource, context };
                let answers = [one, other].map(|policy| match evaluate(policy, &request) {
                    Decision::Allowed { .. } => "allowed",
                    Decision::Denied { .. } => "denied",
                    Decision::NoMatch => "no match",
                });
                let [of_one, of_other] = answers;
                assert_eq!(of_one, of_other, "{request:?}\n{}\n{}", one.to_json(), other.to_json());
            }
        }
    }
}
