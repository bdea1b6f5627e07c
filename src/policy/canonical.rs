use std::collections::BTreeMap;

use super::{Actions, Conditions, Policy, PrincipalType, Principals, Resources, Statement, VERSION_2012, Who};

impl Policy {
    /// The one form that all documents of the same meaning share. It is for comparing, not for sending.
    ///
    /// It irons out order and repetition (of statements, lists and values), the case of actions and condition keys,
    /// the spellings of an account (`111111111111`, the ARN of its root) and of everyone (`*`, `{"AWS": "*"}`), empty
    /// condition blocks, the `Id`, and the `Version` where nothing depends on it. The `Sid` stays: it says whose a
    /// statement is.
    #[must_use]
    pub fn canonical(&self) -> Policy {
        self.in_form(Spelling::Lower)
    }

    /// The same with the actions and condition keys as their author spelt them (`s3:PutObject`, not `s3:putobject`): to
    /// be shown to people and sent back, not to be compared.
    #[must_use]
    pub fn readable(&self) -> Policy {
        self.in_form(Spelling::Author)
    }

    fn in_form(&self, spelling: Spelling) -> Policy {
        let mut statements: Vec<(Statement, Statement)> =
            self.statements.iter().map(|statement| (statement.canonical(), statement.in_form(spelling))).collect();
        statements.sort();
        statements.dedup_by(|(one, _), (other, _)| one == other);
        let statements: Vec<Statement> = statements.into_iter().map(|(_, statement)| statement).collect();
        let version = if statements.iter().any(Statement::has_variables) { &self.version } else { VERSION_2012 };
        Policy { version: version.to_owned(), id: None, statements }
    }

    /// Whether both documents mean the same.
    pub fn equivalent(&self, other: &Policy) -> bool {
        self.canonical() == other.canonical()
    }
}

/// How words that AWS compares without regard to case are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// In small letters.
    Lower,
    /// As their author did.
    Author,
}

impl Spelling {
    /// A set of words; of two that differ by case alone the first stays.
    fn set(self, words: &[String]) -> Vec<String> {
        if self == Spelling::Lower {
            return lower_set(words);
        }
        let mut words = words.to_vec();
        words.sort_by_cached_key(|word| word.to_ascii_lowercase());
        words.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
        words
    }
}

impl Statement {
    /// The statement's part of [`Policy::canonical`].
    #[must_use]
    pub fn canonical(&self) -> Statement {
        self.in_form(Spelling::Lower)
    }

    fn in_form(&self, spelling: Spelling) -> Statement {
        Statement {
            sid: self.sid.clone().filter(|sid| !sid.is_empty()),
            effect: self.effect,
            principal: self.principal.as_ref().map(|principals| match principals {
                Principals::Principal(who) => Principals::Principal(who.canonical()),
                Principals::NotPrincipal(who) => Principals::NotPrincipal(who.canonical()),
            }),
            actions: match &self.actions {
                Actions::Action(names) => Actions::Action(spelling.set(names)),
                Actions::NotAction(names) => Actions::NotAction(spelling.set(names)),
            },
            resources: self.resources.as_ref().map(|resources| match resources {
                Resources::Resource(arns) => Resources::Resource(set(arns.clone())),
                Resources::NotResource(arns) => Resources::NotResource(set(arns.clone())),
            }),
            conditions: conditions_in_form(&self.conditions, spelling),
        }
    }

    /// Whether `${…}` stands where version 2012-10-17 puts a policy variable: in a resource or a condition value.
    pub(super) fn has_variables(&self) -> bool {
        let arns = self.resources.iter().flat_map(|resources| resources.arns());
        let values = self.conditions.values().flat_map(BTreeMap::values).flatten();
        arns.chain(values).any(|text| text.contains("${"))
    }
}

impl Who {
    fn canonical(&self) -> Who {
        let Who::Named(lists) = self else { return Who::Everyone };
        let mut lists = lists.clone();
        for (kind, names) in &mut lists {
            let mut list = std::mem::take(names);
            if *kind == PrincipalType::Aws {
                list = list.iter().map(|name| account_of_root(name).unwrap_or(name).to_owned()).collect();
                if list.iter().any(|name| name == "*") {
                    list = vec!["*".to_owned()];
                }
            }
            *names = set(list);
        }
        match lists.get(&PrincipalType::Aws) {
            Some(names) if lists.len() == 1 && *names == ["*"] => Who::Everyone,
            _ => Who::Named(lists),
        }
    }
}

/// The account id in the ARN of an account's root. The partition says nothing more: no policy names another one's.
pub(super) fn account_of_root(principal: &str) -> Option<&str> {
    let (head, tail) = principal.split_once(":iam::")?;
    let id = tail.strip_suffix(":root")?;
    let partition = head.strip_prefix("arn:")?;
    (!partition.contains(':') && id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

fn conditions_in_form(conditions: &Conditions, spelling: Spelling) -> Conditions {
    let mut canonical = Conditions::new();
    for (operator, keys) in conditions.iter().filter(|(_, keys)| !keys.is_empty()) {
        // The values of these two are compared without regard to case.
        let is_bool = matches!(operator.as_str(), "Bool" | "BoolIfExists" | "Null");
        let mut block = BTreeMap::new();
        for (key, values) in keys {
            let values = if is_bool { lower_set(values) } else { set(values.clone()) };
            // Two keys that differ by case alone are never read, but can be built; neither may swallow the other.
            let lower = key.to_ascii_lowercase();
            let kept = spelling == Spelling::Author || block.contains_key(&lower);
            let key = if kept { key.clone() } else { lower };
            block.insert(key, values);
        }
        canonical.insert(operator.clone(), block);
    }
    canonical
}

fn lower_set(items: &[String]) -> Vec<String> {
    set(items.iter().map(|item| item.to_ascii_lowercase()).collect())
}

fn set(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::arbitrary::{Dice, asked, dice, policy, respelt, statement};
    use super::*;

    fn parse(text: &str) -> Policy {
        Policy::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn is_idempotent(policy in policy()) {
            let canonical = policy.canonical();
            prop_assert_eq!(canonical.canonical(), canonical);
        }

        #[test]
        fn what_is_shown_means_what_is_compared(policy in policy()) {
            prop_assert_eq!(policy.readable().canonical(), policy.canonical());
        }

        #[test]
        fn spelling_does_not_matter(policy in policy(), throws in dice()) {
            let text = respelt(&policy, &mut Dice::new(throws));
            let other = parse(&text);
            prop_assert!(policy.equivalent(&other), "{}\n{}", policy.to_json(), text);
        }

        #[test]
        fn one_more_statement_matters(policy in policy(), mut more in statement()) {
            let mut other = policy.clone();
            more.sid = Some("New".to_owned());
            other.statements.push(more);
            prop_assert!(!policy.equivalent(&other));
        }

        #[test]
        fn another_condition_value_matters(policy in policy(), which in any::<Index>()) {
            let mut other = policy.clone();
            let mut values: Vec<&mut String> = other
                .statements
                .iter_mut()
                .flat_map(|s| s.conditions.values_mut())
                .flat_map(BTreeMap::values_mut)
                .flatten()
                .collect();
            if !values.is_empty() {
                let place = which.index(values.len());
                *values[place] = "333333333333".to_owned();
                prop_assert!(!policy.equivalent(&other));
            }
        }

        #[test]
        fn allows_and_denies_the_same(policy in policy(), asked in asked()) {
            prop_assert_eq!(asked.of(&policy), asked.of(&policy.canonical()));
        }
    }

    #[test]
    fn knows_the_spellings_that_aws_answers_with() {
        let ours = parse(
            r#"{"Version": "2012-10-17", "Statement": {"Sid": "BaselineRoot", "Effect": "Allow", "Action": "KMS:*",
                "Principal": {"AWS": "111111111111"}, "Resource": "*",
                "Condition": {"Bool": {"AWS:SecureTransport": true}}}}"#,
        );
        let theirs = parse(
            r#"{"Id": "key-default-1", "Statement": [{"Condition": {"Bool": {"aws:SecureTransport": ["True"]}},
                "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]}, "Sid": "BaselineRoot",
                "Resource": ["*", "*"], "Action": ["kms:*"], "Effect": "Allow"}]}"#,
        );
        assert!(ours.equivalent(&theirs));
        assert!(ours.to_json().contains("KMS:*"), "the author's spelling is what is sent");
    }

    #[test]
    fn what_is_shown_is_spelt_as_its_author_did() {
        let policy = parse(
            r#"{"Statement": [{"Sid": "S", "Effect": "Allow", "Principal": "*", "Resource": "*",
                "Action": ["s3:PutObject", "s3:GetObject", "s3:getobject"],
                "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}]}"#,
        );
        let shown = policy.readable().to_json();
        assert!(shown.contains(r#"["s3:GetObject","s3:PutObject"]"#), "{shown}");
        assert!(shown.contains("aws:SourceAccount"), "{shown}");
    }

    #[test]
    fn tells_apart_what_differs() {
        let base = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": "Allow", "Action": "s3:*",
            "Principal": {"AWS": "111111111111"}, "Resource": "arn:aws:s3:::logs/*"}]}"#;
        for (from, to) in [
            ("Allow", "Deny"),
            (r#""Sid": "S""#, r#""Sid": "T""#),
            ("Action", "NotAction"),
            ("Principal", "NotPrincipal"),
            (r#""Resource""#, r#""NotResource""#),
            ("111111111111", "222222222222"),
            (r#"{"AWS": "111111111111"}"#, r#""*""#),
            ("AWS", "Service"),
            ("logs/*", "Logs/*"),
            ("s3:*", "s3:Get*"),
        ] {
            let other = base.replace(from, to);
            assert_ne!(base, other);
            assert!(!parse(base).equivalent(&parse(&other)), "{from} -> {to}");
        }
    }

    #[test]
    fn the_version_matters_only_to_policy_variables() {
        let plain = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "a"}]}"#;
        let variable = plain.replace(r#""a""#, r#""${aws:username}""#);
        let older = |text: &str| text.replace("2012-10-17", "2008-10-17");
        assert!(parse(plain).equivalent(&parse(&older(plain))));
        assert!(!parse(&variable).equivalent(&parse(&older(&variable))));
    }

    #[test]
    fn only_the_root_of_an_account_stands_for_it() {
        assert_eq!(account_of_root("arn:aws-cn:iam::111111111111:root"), Some("111111111111"));
        for other in ["arn:aws:iam::111111111111:role/root", "arn:aws:iam::1:root", "x:iam::111111111111:root", "*"] {
            assert_eq!(account_of_root(other), None, "{other}");
        }
    }
}
