//! Policies and requests for property tests, from a vocabulary so small that they often meet.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::*;

fn words(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    vec(select(words).prop_map(str::to_owned), 1..4)
}

fn who() -> impl Strategy<Value = Who> {
    let aws = words(&[
        "*",
        "111111111111",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::222222222222:role/Baseline",
        "arn:aws:iam::222222222222:user/alice",
    ]);
    let service = words(&["cloudtrail.amazonaws.com", "config.amazonaws.com"]);
    prop_oneof![
        1 => Just(Who::Everyone),
        3 => aws.prop_map(|names| Who::Named(BTreeMap::from([(PrincipalType::Aws, names)]))),
        3 => service.prop_map(|names| Who::Named(BTreeMap::from([(PrincipalType::Service, names)]))),
        1 => (words(&["0123abcd"]), words(&["111111111111", "*"])).prop_map(|(canonical, aws)| {
            Who::Named(BTreeMap::from([(PrincipalType::CanonicalUser, canonical), (PrincipalType::Aws, aws)]))
        }),
    ]
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let operator = select(&[
        "StringEquals",
        "StringLike",
        "StringNotEqualsIfExists",
        "ForAllValues:StringLike",
        "ForAnyValue:StringNotLike",
        "ArnLike",
        "Bool",
        "Null",
        "NumericLessThan",
        "IpAddress",
        "DateGreaterThan",
    ]);
    let key = select(&["aws:SourceAccount", "aws:SourceArn", "aws:SecureTransport", "s3:max-keys"]);
    let value = select(&[
        "111111111111",
        "222222222222",
        "*",
        "true",
        "False",
        "7",
        "10.0.0.0/8",
        "arn:aws:cloudtrail:*:111111111111:trail/*",
        "${aws:SourceAccount}",
    ]);
    let values = vec(value.prop_map(str::to_owned), 0..4);
    btree_map(operator.prop_map(str::to_owned), btree_map(key.prop_map(str::to_owned), values, 1..3), 0..3)
}

pub(super) fn statement() -> impl Strategy<Value = Statement> {
    let principal = option::weighted(0.9, (who(), prop::bool::weighted(0.8)));
    let actions = words(&["s3:GetObject", "S3:getobject", "s3:Put*", "kms:?ecrypt", "*"]);
    let resources =
        words(&["arn:aws:s3:::logs", "arn:aws:s3:::logs/*", "*", "arn:aws:s3:::logs/${aws:SourceAccount}/*"]);
    (
        option::of(select(&["BaselineWrite", "BaselineRead", "Theirs", "xBaseline"]).prop_map(str::to_owned)),
        prop::bool::weighted(0.7),
        principal,
        (actions, prop::bool::weighted(0.8)),
        option::weighted(0.9, (resources, prop::bool::weighted(0.8))),
        conditions(),
    )
        .prop_map(|(sid, allow, principal, (actions, these), resources, conditions)| Statement {
            sid,
            effect: if allow { Effect::Allow } else { Effect::Deny },
            principal: principal.map(|(who, these)| match these {
                true => Principals::Principal(who),
                false => Principals::NotPrincipal(who),
            }),
            actions: if these { Actions::Action(actions) } else { Actions::NotAction(actions) },
            resources: resources.map(|(arns, these)| match these {
                true => Resources::Resource(arns),
                false => Resources::NotResource(arns),
            }),
            conditions,
        })
}

pub(super) fn policy() -> impl Strategy<Value = Policy> {
    (select(&[VERSION_2008, VERSION_2012]), option::of("[a-z]{1,5}"), vec(statement(), 0..5))
        .prop_map(|(version, id, statements)| Policy { version: version.to_owned(), id, statements })
}

/// A request that owns what [`Request`] borrows.
#[derive(Debug)]
pub(super) struct Asked {
    caller: Caller<'static>,
    action: &'static str,
    resource: &'static str,
    context: BTreeMap<String, Vec<String>>,
}

impl Asked {
    pub(super) fn of(&self, policy: &Policy) -> std::mem::Discriminant<Decision> {
        let Asked { caller, action, resource, context } = self;
        std::mem::discriminant(&evaluate(policy, &Request { principal: *caller, action, resource, context }))
    }
}

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let caller = select(vec![
        Caller::Anonymous,
        Caller::Service("cloudtrail.amazonaws.com"),
        Caller::Aws("arn:aws:iam::111111111111:root"),
        Caller::Aws("arn:aws:iam::111111111111:user/bob"),
        Caller::Aws("arn:aws:sts::222222222222:assumed-role/Baseline/run"),
    ]);
    let key = select(&["AWS:sourceaccount", "aws:sourcearn", "aws:securetransport", "s3:max-keys"]);
    let value = select(&["111111111111", "true", "7", "10.1.2.3", "arn:aws:cloudtrail:us-east-1:111111111111:trail/t"]);
    let context = btree_map(key.prop_map(str::to_owned), vec(value.prop_map(str::to_owned), 0..3), 0..4);
    let resource = select(&["arn:aws:s3:::logs", "arn:aws:s3:::logs/x", "arn:aws:s3:::logs/111111111111/x"]);
    (caller, select(&["s3:GetObject", "s3:PutObject", "kms:Decrypt"]), resource, context)
        .prop_map(|(caller, action, resource, context)| Asked { caller, action, resource, context })
}

/// Dice that a property test throws: what they decide shrinks with the rest.
pub(super) struct Dice {
    throws: std::vec::IntoIter<Index>,
}

impl Dice {
    pub(super) fn new(throws: Vec<Index>) -> Self {
        Dice { throws: throws.into_iter() }
    }

    fn throw(&mut self, sides: usize) -> usize {
        self.throws.next().map_or(0, |index| index.index(sides))
    }
}

pub(super) fn dice() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 200)
}

/// The same document as somebody else would write it.
pub(super) fn respelt(policy: &Policy, dice: &mut Dice) -> String {
    let mut document = serde_json::to_value(policy).unwrap();
    let statements = document["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let members = statement.as_object_mut().unwrap();
        for (name, value) in members.iter_mut() {
            match name.as_str() {
                "Action" | "NotAction" => list(value, dice, |text, dice| match dice.throw(2) {
                    0 => json!(text),
                    _ => json!(text.to_uppercase()),
                }),
                "Resource" | "NotResource" => list(value, dice, |text, _| json!(text)),
                "Principal" | "NotPrincipal" => principals(value, dice),
                "Condition" => {
                    for block in value.as_object_mut().unwrap().values_mut() {
                        let keys = std::mem::take(block.as_object_mut().unwrap());
                        for (key, mut values) in keys {
                            list(&mut values, dice, scalar);
                            let key = if dice.throw(2) == 0 { key } else { key.to_uppercase() };
                            block[key] = values;
                        }
                    }
                }
                _ => {}
            }
        }
        if dice.throw(3) == 1 && !members.contains_key("Sid") {
            members.insert("Sid".to_owned(), json!(""));
        }
        if dice.throw(3) == 1 && !members.contains_key("Condition") {
            members.insert("Condition".to_owned(), json!({}));
        }
    }
    shuffle(statements, dice);
    if statements.len() == 1 && dice.throw(2) == 1 {
        document["Statement"] = document["Statement"][0].take();
    }
    if dice.throw(2) == 1 {
        document["Id"] = json!("another");
    }
    if document["Version"] == VERSION_2008 && dice.throw(2) == 1 {
        document.as_object_mut().unwrap().remove("Version");
    }
    document.to_string()
}

fn scalar(text: &str, dice: &mut Dice) -> Value {
    match text {
        "true" if dice.throw(2) == 1 => json!(true),
        "7" if dice.throw(2) == 1 => json!(7),
        _ => json!(text),
    }
}

fn principals(value: &mut Value, dice: &mut Dice) {
    if *value == "*" {
        if dice.throw(2) == 1 {
            *value = json!({"AWS": "*"});
        }
        return;
    }
    for (kind, names) in value.as_object_mut().unwrap() {
        list(names, dice, |text, dice| match text {
            "111111111111" if kind == "AWS" && dice.throw(2) == 1 => json!("arn:aws:iam::111111111111:root"),
            _ => json!(text),
        });
    }
}

fn list(value: &mut Value, dice: &mut Dice, mut respell: impl FnMut(&str, &mut Dice) -> Value) {
    let items = match value.take() {
        Value::Array(items) => items,
        one => vec![one],
    };
    let mut items: Vec<Value> = items.iter().map(|item| respell(item.as_str().unwrap(), dice)).collect();
    if let Some(first) = items.first().cloned()
        && dice.throw(2) == 1
    {
        items.push(first);
    }
    shuffle(&mut items, dice);
    *value = match items.len() {
        1 if dice.throw(2) == 1 => items.remove(0),
        _ => Value::Array(items),
    };
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for last in (1..items.len()).rev() {
        items.swap(last, dice.throw(last + 1));
    }
}
