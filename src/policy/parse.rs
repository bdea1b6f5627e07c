use std::collections::BTreeMap;
use std::fmt;

use super::json::Node;
use super::{
    Actions, Conditions, Effect, Policy, PrincipalType, Principals, Resources, Statement, VERSION_2008, VERSION_2012,
    Who,
};

/// Why a text is not a policy that this tool can keep without changing it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is not JSON.
    #[error("the policy is not JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but not a policy document.
    #[error("{place}: {problem}")]
    Document {
        /// Where in the document.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
}

/// A place in a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The statement, counted from 1.
    pub statement: Option<usize>,
    /// That statement's `Sid`.
    pub sid: Option<String>,
    /// The members that lead to the place.
    pub path: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.statement, &self.sid) {
            (Some(number), Some(sid)) => write!(f, "statement {number} (`{sid}`)")?,
            (Some(number), None) => write!(f, "statement {number}")?,
            (None, _) => f.write_str("the policy")?,
        }
        if self.path.is_empty() { Ok(()) } else { write!(f, ", `{}`", self.path.join(".")) }
    }
}

impl Place {
    fn at(&self, member: &str) -> Place {
        let mut place = self.clone();
        place.path.push(member.to_owned());
        place
    }

    fn wrong(&self, problem: impl Into<String>) -> PolicyError {
        PolicyError::Document { place: self.clone(), problem: problem.into() }
    }

    fn expected(&self, what: &str, found: &Node) -> PolicyError {
        self.wrong(format!("{what} is expected, not {}", found.kind()))
    }
}

impl Policy {
    /// Reads a document, keeping its spelling and order.
    ///
    /// A missing `Version` becomes the one that AWS then assumes; booleans and numbers among condition values become
    /// strings of the same characters, which AWS takes for the same (IAM User Guide, "Grammar of the IAM JSON policy
    /// language": quotation marks around them are optional).
    ///
    /// # Errors
    ///
    /// When the text is not JSON or not a policy; also when it holds members that this tool does not know or that
    /// stand twice, since writing the document back without them would change what it means.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::from_node(Node::of_text(text).map_err(PolicyError::Json)?)
    }

    pub(super) fn from_node(node: Node) -> Result<Policy, PolicyError> {
        let place = Place::default();
        let mut version = VERSION_2008.to_owned();
        let mut id = None;
        let mut statements = None;
        for (name, value) in members(&place, node)? {
            match name.as_str() {
                "Version" => {
                    version = text(&place.at(&name), value)?;
                    if version != VERSION_2012 && version != VERSION_2008 {
                        let problem = format!("`{version}` is neither `{VERSION_2012}` nor `{VERSION_2008}`");
                        return Err(place.at(&name).wrong(problem));
                    }
                }
                "Id" => id = Some(text(&place.at(&name), value)?),
                "Statement" => statements = Some(read_statements(value)?),
                _ => return Err(unknown(&place, &name, &["Version", "Id", "Statement"])),
            }
        }
        let statements = statements.ok_or_else(|| place.wrong("`Statement` is missing"))?;
        Ok(Policy { version, id, statements })
    }
}

fn read_statements(value: Node) -> Result<Vec<Statement>, PolicyError> {
    let list = match value {
        Node::List(list) => list,
        object @ Node::Object(_) => vec![object],
        other => return Err(Place::default().at("Statement").expected("a list of statements", &other)),
    };
    list.into_iter().enumerate().map(|(index, node)| read_statement(index + 1, node)).collect()
}

const STATEMENT_MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

fn read_statement(number: usize, node: Node) -> Result<Statement, PolicyError> {
    let mut place = Place { statement: Some(number), ..Place::default() };
    if let Node::Object(object) = &node {
        place.sid = object.iter().find_map(|(name, value)| match value {
            Node::Text(sid) if name == "Sid" => Some(sid.clone()),
            _ => None,
        });
    }
    let mut sid = None;
    let mut effect = None;
    let mut principal = None;
    let mut actions = None;
    let mut resources = None;
    let mut conditions = Conditions::new();
    for (name, value) in members(&place, node)? {
        let here = place.at(&name);
        let twice = |other: &str| place.wrong(format!("`{name}` and `{other}` exclude each other"));
        match name.as_str() {
            "Sid" => sid = Some(text(&here, value)?),
            "Effect" => {
                effect = Some(match text(&here, value)?.as_str() {
                    "Allow" => Effect::Allow,
                    "Deny" => Effect::Deny,
                    other => return Err(here.wrong(format!("`{other}` is neither `Allow` nor `Deny`"))),
                });
            }
            "Principal" if principal.is_some() => return Err(twice("NotPrincipal")),
            "Principal" => principal = Some(Principals::Principal(who(&here, value)?)),
            "NotPrincipal" if principal.is_some() => return Err(twice("Principal")),
            "NotPrincipal" => principal = Some(Principals::NotPrincipal(who(&here, value)?)),
            "Action" if actions.is_some() => return Err(twice("NotAction")),
            "Action" => actions = Some(Actions::Action(texts(&here, value)?)),
            "NotAction" if actions.is_some() => return Err(twice("Action")),
            "NotAction" => actions = Some(Actions::NotAction(texts(&here, value)?)),
            "Resource" if resources.is_some() => return Err(twice("NotResource")),
            "Resource" => resources = Some(Resources::Resource(texts(&here, value)?)),
            "NotResource" if resources.is_some() => return Err(twice("Resource")),
            "NotResource" => resources = Some(Resources::NotResource(texts(&here, value)?)),
            "Condition" => conditions = read_conditions(&here, value)?,
            _ => return Err(unknown(&place, &name, &STATEMENT_MEMBERS)),
        }
    }
    Ok(Statement {
        sid,
        effect: effect.ok_or_else(|| place.wrong("`Effect` is missing"))?,
        principal,
        actions: actions.ok_or_else(|| place.wrong("neither `Action` nor `NotAction` is there"))?,
        resources,
        conditions,
    })
}

fn who(place: &Place, value: Node) -> Result<Who, PolicyError> {
    match value {
        Node::Text(star) if star == "*" => Ok(Who::Everyone),
        Node::Text(other) => {
            Err(place.wrong(format!("`{other}` is neither `*` nor an object such as {{\"AWS\": \"{other}\"}}")))
        }
        object @ Node::Object(_) => {
            let mut lists = BTreeMap::new();
            for (name, value) in members(place, object)? {
                let kind = PrincipalType::ALL
                    .into_iter()
                    .find(|kind| kind.as_str() == name)
                    .ok_or_else(|| unknown(place, &name, &PrincipalType::ALL.map(PrincipalType::as_str)))?;
                lists.insert(kind, texts(&place.at(&name), value)?);
            }
            if lists.is_empty() { Err(place.wrong("it names nobody")) } else { Ok(Who::Named(lists)) }
        }
        other => Err(place.expected("`*` or an object", &other)),
    }
}

fn read_conditions(place: &Place, value: Node) -> Result<Conditions, PolicyError> {
    let mut conditions = Conditions::new();
    for (operator, block) in members(place, value)? {
        let place = place.at(&operator);
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in members(&place, block)? {
            // AWS does not tell keys apart by case, and does not say what two that differ only so would mean.
            if let Some(other) = keys.keys().find(|other| other.eq_ignore_ascii_case(&key)) {
                return Err(place.wrong(format!("`{key}` and `{other}` are the same condition key")));
            }
            let values = match value {
                Node::List(list) => {
                    list.into_iter().map(|v| condition_value(&place.at(&key), v)).collect::<Result<_, _>>()?
                }
                one => vec![condition_value(&place.at(&key), one)?],
            };
            keys.insert(key, values);
        }
        conditions.insert(operator, keys);
    }
    Ok(conditions)
}

fn condition_value(place: &Place, value: Node) -> Result<String, PolicyError> {
    match value {
        Node::Text(text) | Node::Number(text) => Ok(text),
        Node::Bool(value) => Ok(value.to_string()),
        // Its digits are gone by now: `1.10` and `1.1` would be written back alike, and StringEquals tells them apart.
        Node::Fraction => Err(place.wrong("this number would not be kept as it is written: put it in quotes")),
        other => Err(place.expected("a string, a boolean or a number", &other)),
    }
}

fn members(place: &Place, node: Node) -> Result<Vec<(String, Node)>, PolicyError> {
    let Node::Object(object) = node else { return Err(place.expected("an object", &node)) };
    for (index, (name, _)) in object.iter().enumerate() {
        if object[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(place.wrong(format!("`{name}` stands there twice")));
        }
    }
    Ok(object)
}

fn text(place: &Place, value: Node) -> Result<String, PolicyError> {
    match value {
        Node::Text(text) => Ok(text),
        other => Err(place.expected("a string", &other)),
    }
}

fn texts(place: &Place, value: Node) -> Result<Vec<String>, PolicyError> {
    match value {
        Node::Text(one) => Ok(vec![one]),
        Node::List(list) if list.is_empty() => Err(place.wrong("the list is empty")),
        Node::List(list) => list.into_iter().map(|item| text(place, item)).collect(),
        other => Err(place.expected("a string or a list of strings", &other)),
    }
}

fn unknown(place: &Place, name: &str, known: &[&str]) -> PolicyError {
    match known.iter().find(|candidate| candidate.eq_ignore_ascii_case(name)) {
        Some(spelling) => place.wrong(format!("`{name}` is not known here: it is spelt `{spelling}`")),
        None => place.wrong(format!("`{name}` is not known here: expected {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::arbitrary::policy;
    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(policy in policy()) {
            prop_assert_eq!(&Policy::parse(&policy.to_json()).unwrap(), &policy);
            let value = serde_json::to_value(&policy).unwrap();
            prop_assert_eq!(serde_json::from_value::<Policy>(value).unwrap(), policy);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Policy::parse(&text);
        }

        #[test]
        fn no_damaged_document_makes_it_panic(
            policy in policy(),
            at in any::<Index>(),
            with in r#"[ -~]{0,3}|[\[\]{}",:]"#,
        ) {
            let mut text = policy.to_json();
            let at = at.index(text.len());
            text.replace_range(at..=at, &with);
            if let Ok(policy) = Policy::parse(&text) {
                prop_assert_eq!(Policy::parse(&policy.to_json()).unwrap(), policy);
            }
        }
    }

    fn error(text: &str) -> String {
        Policy::parse(text).unwrap_err().to_string()
    }

    fn statement_error(members: &str) -> String {
        error(&format!(r#"{{"Statement": [{{"Effect": "Deny", "Action": "*"}}, {{{members}}}]}}"#))
    }

    #[test]
    fn says_where_and_what() {
        let rest = r#""Sid": "X", "Effect": "Allow", "Action": "*""#;
        for (members, message) in [
            (r#""Sid": "X", "Action": "*""#, "statement 2 (`X`): `Effect` is missing"),
            (r#""Effect": "Allow""#, "statement 2: neither `Action` nor `NotAction` is there"),
            (r#""Effect": "allow", "Action": "*""#, "statement 2, `Effect`: `allow` is neither `Allow` nor `Deny`"),
            (
                &format!(r#"{rest}, "action": "s3:*""#),
                "statement 2 (`X`): `action` is not known here: it is spelt `Action`",
            ),
            (&format!(r#"{rest}, "NotAction": "*""#), "statement 2 (`X`): `NotAction` and `Action` exclude each other"),
            (&format!(r#"{rest}, "Action": "s3:*""#), "statement 2 (`X`): `Action` stands there twice"),
            (&format!(r#"{rest}, "Resource": []"#), "statement 2 (`X`), `Resource`: the list is empty"),
            (
                &format!(r#"{rest}, "Resource": [1]"#),
                "statement 2 (`X`), `Resource`: a string is expected, not a number",
            ),
            (
                &format!(r#"{rest}, "Principal": "111111111111""#),
                "statement 2 (`X`), `Principal`: `111111111111` is neither `*` nor an object such as \
                 {\"AWS\": \"111111111111\"}",
            ),
            (
                &format!(r#"{rest}, "Principal": {{"Group": "x"}}"#),
                "statement 2 (`X`), `Principal`: `Group` is not known here: expected AWS, CanonicalUser, Federated, \
                 Service",
            ),
            (&format!(r#"{rest}, "Principal": {{}}"#), "statement 2 (`X`), `Principal`: it names nobody"),
            (
                &format!(r#"{rest}, "Condition": {{"StringEquals": {{"a:b": null}}}}"#),
                "statement 2 (`X`), `Condition.StringEquals.a:b`: a string, a boolean or a number is expected, \
                 not null",
            ),
            (
                &format!(r#"{rest}, "Condition": {{"StringEquals": {{"a:b": "1", "A:B": "2"}}}}"#),
                "statement 2 (`X`), `Condition.StringEquals`: `A:B` and `a:b` are the same condition key",
            ),
        ] {
            assert_eq!(statement_error(members), message);
        }
        assert_eq!(error("[]"), "the policy: an object is expected, not a list");
        assert_eq!(error(r#"{"Version": "2012-10-17"}"#), "the policy: `Statement` is missing");
        assert_eq!(
            error(r#"{"Version": "2012-10-18", "Statement": []}"#),
            "the policy, `Version`: `2012-10-18` is neither `2012-10-17` nor `2008-10-17`"
        );
        let unknown = error(r#"{"Statement": [], "Owner": "x"}"#);
        assert_eq!(unknown, "the policy: `Owner` is not known here: expected Version, Id, Statement");
    }

    #[test]
    fn the_cause_of_bad_json_is_its_source() {
        let error = Policy::parse("{\"Statement\": ").unwrap_err();
        assert_eq!(error.to_string(), "the policy is not JSON");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("line 1"), "{source}");
        // As deep as it may be nested, it ends in an error.
        assert!(Policy::parse(&"[".repeat(1_000_000)).is_err());
        let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let error = Policy::parse(&nested).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("recursion limit") || source.contains("in each other"), "{source}");
    }

    #[test]
    fn deserializing_follows_the_same_rules() {
        let error = serde_json::from_str::<Policy>(r#"{"Statement": [], "Statement": []}"#).unwrap_err();
        assert!(error.to_string().contains("`Statement` stands there twice"), "{error}");
    }

    #[test]
    fn a_number_is_kept_digit_by_digit() {
        const NUMBERS: [&str; 12] = [
            "1.2",
            "1.10",
            "-0",
            "-0.0",
            "1e2",
            "1E+2",
            "1.5e-300",
            "1e400",
            "18446744073709551616",
            "123456789012345678901234567890.123456789012345678901234567890",
            "9007199254740993",
            "0.1",
        ];
        for number in NUMBERS {
            for written in [number.to_owned(), format!("[{number}, \"a\", true]")] {
                let text = format!(
                    r#"{{"Statement": {{"Sid": "Theirs", "Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {{"NumericLessThan": {{"s3:TlsVersion": {written}}}}}}}}}"#
                );
                let policy = Policy::parse(&text).unwrap();
                let values = &policy.statements[0].conditions["NumericLessThan"]["s3:TlsVersion"];
                assert_eq!(values[0], number);
                assert!(policy.to_json().contains(&format!("\"{number}\"")), "{}", policy.to_json());
                assert_eq!(Policy::parse(&policy.to_json()).unwrap(), policy, "a second look finds the same");
            }
        }
        for nothing in ["01", "1.", ".5", "+1", "0x1", "1e", "NaN", "Infinity", "--1"] {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Condition": {{"NumericEquals": {{"a:b": {nothing}}}}}}}}}"#
            );
            assert!(matches!(Policy::parse(&text), Err(PolicyError::Json(_))), "{nothing}");
        }
        // Read by something that knows numbers, its digits are gone: that is said, and nothing is made up.
        let text = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Condition": {"NumericEquals": {"a:b": 1.10}}}}"#;
        let error = serde_json::from_str::<Policy>(text).unwrap_err().to_string();
        assert!(error.contains("would not be kept as it is written"), "{error}");
    }

    #[test]
    fn is_written_minified_in_a_fixed_order() {
        let text = r#"{"Statement": {"Condition": {"NumericLessThan": {"s3:max-keys": [10, "20"]},
            "Bool": {"aws:SecureTransport": false}}, "Resource": ["*"], "NotAction": ["s3:B", "s3:A"],
            "Principal": {"Service": "x", "AWS": ["2", "1"]}, "Effect": "Deny", "Sid": "S"}, "Id": "i"}"#;
        assert_eq!(
            Policy::parse(text).unwrap().to_json(),
            concat!(
                r#"{"Version":"2008-10-17","Id":"i","Statement":[{"Sid":"S","Effect":"Deny","#,
                r#""Principal":{"AWS":["2","1"],"Service":"x"},"NotAction":["s3:B","s3:A"],"Resource":"*","#,
                r#""Condition":{"Bool":{"aws:SecureTransport":"false"},"#,
                r#""NumericLessThan":{"s3:max-keys":["10","20"]}}}]}"#
            )
        );
    }
}
