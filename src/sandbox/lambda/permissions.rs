//! Policies of functions (Lambda API Reference, `AddPermission`, `GetPolicy`, `RemovePermission`).

use serde_json::{Map, Value, json};

use super::functions::{arn, find, named};
use super::{constraint, not_found, refused};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Refusal, segments};
use crate::sandbox::world::{Identity, World};

/// The largest policy, in bytes (Lambda Developer Guide, "Lambda quotas").
const MAX_BYTES: usize = 20 * 1024;

/// A policy: its statements as they were made.
#[derive(Debug, Clone, Default)]
pub(super) struct Resource {
    statements: Vec<Value>,
    revision: String,
}

impl Resource {
    /// The policy's document.
    pub fn document(&self) -> Value {
        json!({ "Version": "2012-10-17", "Id": "default", "Statement": self.statements })
    }

    /// Whether a caller may do something to the function.
    pub fn admits(&self, caller: &Identity, action: &str, arn: &str) -> bool {
        evaluate(&self.document().to_string(), Who::Caller(caller), action, arn, &[]) == Verdict::Allowed
    }

    /// Whether a service may invoke it for one of its resources.
    pub fn admits_service(&self, service: &str, arn: &str, source: &[(&str, &str)]) -> bool {
        let document = self.document().to_string();
        evaluate(&document, Who::Service(service), "lambda:InvokeFunction", arn, source) == Verdict::Allowed
    }

    fn position(&self, sid: &str) -> Option<usize> {
        self.statements.iter().position(|statement| statement["Sid"] == sid)
    }
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let named = named(call)?;
    let policy = find(world, call, &named)?.policies.get(&named.qualifier);
    let policy = policy.ok_or_else(|| not_found("The resource you requested does not exist."))?;
    Ok(json!({ "Policy": policy.document().to_string(), "RevisionId": policy.revision }))
}

pub(super) fn add(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let named = named(call)?;
    let sid = call.text("StatementId").unwrap_or_default();
    if !is_statement_id(sid) {
        return Err(constraint(sid, "statementId", "([a-zA-Z0-9-_]+)"));
    }
    let action = call.text("Action").unwrap_or_default();
    let fits = |name: &str| name == "*" || !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
    if action != "*" && !action.strip_prefix("lambda:").is_some_and(fits) {
        return Err(constraint(action, "action", "(lambda:[*]|lambda:[a-zA-Z]+|[*])"));
    }
    if named.qualifier == "$LATEST" {
        let message = "We currently do not support adding policies for $LATEST.";
        return Err(refused(400, "InvalidParameterValueException", message));
    }
    find(world, call, &named)?;
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal(world, call)?, "Action": action,
        "Resource": arn(world, &named),
    });
    let condition = condition(call);
    if !condition.is_empty() {
        statement["Condition"] = Value::Object(condition);
    }
    let revision = world.ids.uuid();
    let function = world.lambda.functions.get_mut(&named.key()).ok_or_else(|| not_found("Function not found"))?;
    let existing = function.policies.get(&named.qualifier).cloned().unwrap_or_default();
    check_revision(call.text("RevisionId"), &existing)?;
    if existing.position(sid).is_some() {
        let message = format!(
            "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
             existing statement."
        );
        return Err(refused(409, "ResourceConflictException", message));
    }
    let mut policy = Resource { revision, ..existing };
    policy.statements.push(statement.clone());
    let size = policy.document().to_string().len();
    if size > MAX_BYTES {
        let message = format!("The final policy size ({size}) is bigger than the limit ({MAX_BYTES}).");
        return Err(refused(400, "PolicyLengthExceededException", message));
    }
    function.policies.insert(named.qualifier, policy);
    Ok(json!({ "Statement": statement.to_string() }))
}

fn is_statement_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Whom a statement is about: a service, an account or one of its principals, or everybody.
fn principal(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let text = call.text("Principal").unwrap_or_default();
    let account = |id: &str| format!("arn:{}:iam::{id}:root", world.partition);
    let is_account = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    let is_service = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|suffix| text.ends_with(suffix));
    if text == "*" {
        Ok(json!("*"))
    } else if is_account {
        Ok(json!({ "AWS": account(text) }))
    } else if text.starts_with("arn:") && text.contains(":iam::") {
        Ok(json!({ "AWS": text }))
    } else if is_service {
        Ok(json!({ "Service": text }))
    } else {
        let message = "The provided principal was invalid. Please check the principal and try again.";
        Err(refused(400, "InvalidParameterValueException", message))
    }
}

/// The model's text says that a source's ARN is compared by `StringLike`; policies that AWS answers have `ArnLike`.
fn condition(call: &Call<'_>) -> Map<String, Value> {
    let mut equals = Map::new();
    for (member, key) in [
        ("SourceAccount", "AWS:SourceAccount"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ] {
        if let Some(value) = call.text(member) {
            equals.insert(key.to_owned(), json!(value));
        }
    }
    let mut out = Map::new();
    if !equals.is_empty() {
        out.insert("StringEquals".to_owned(), Value::Object(equals));
    }
    if let Some(source) = call.text("SourceArn") {
        out.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": source }));
    }
    if let Some(via_url) = call.flag("InvokedViaFunctionUrl") {
        out.insert("Bool".to_owned(), json!({ "lambda:InvokedViaFunctionUrl": via_url.to_string() }));
    }
    out
}

fn check_revision(given: Option<&str>, policy: &Resource) -> Result<(), Refusal> {
    if given.is_none_or(|given| given == policy.revision) {
        return Ok(());
    }
    let message = "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to retrieve \
                   the latest RevisionId for your resource.";
    Err(refused(412, "PreconditionFailedException", message))
}

pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<(), Refusal> {
    let named = named(call)?;
    find(world, call, &named)?;
    let sid = segments(call.http).get(4).cloned().unwrap_or_default();
    let revision = world.ids.uuid();
    let function = world.lambda.functions.get_mut(&named.key()).ok_or_else(|| not_found("Function not found"))?;
    let policy = function.policies.get_mut(&named.qualifier);
    let policy = policy.ok_or_else(|| not_found("No policy is associated with the given resource."))?;
    check_revision(call.http.parameter("RevisionId"), policy)?;
    let missing = || not_found(format!("Statement {sid} is not found in resource policy."));
    let index = policy.position(&sid).ok_or_else(missing)?;
    policy.statements.remove(index);
    policy.revision = revision;
    if policy.statements.is_empty() {
        function.policies.remove(&named.qualifier);
    }
    Ok(())
}
