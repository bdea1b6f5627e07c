//! Reading and writing the permissions of functions.

use aws_sdk_lambda as lambda;

use super::spec::Permission;
use crate::aws::{found, send};
use crate::model::{Address, Arn, OpError, Partition};
use crate::policy::{Policy, PrincipalType, Principals, Statement, Who};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Note, Ownership, Reading, Spec};

/// The operations that reading takes.
pub const READS: &[&str] = &["GetFunctionConfiguration", "GetPolicy"];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &["AddPermission", "RemovePermission"];

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// Reads the policies of the functions that are declared as endpoints.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = Reading::default();
    for desired in super::desire(cell.declared, cell.place) {
        if desired.address.target != *cell.target {
            continue;
        }
        let (spec, notes) = policy(cell, &desired.address).await?;
        reading.notes.extend(notes);
        reading.found.push(Found {
            arn: arn(&desired.address),
            address: desired.address,
            spec: Spec::LambdaPermission(Box::new(spec)),
            // It lies in the endpoint's account by declaration, and only statements of ours are touched.
            ownership: Ownership::Ours,
        });
    }
    Ok(reading)
}

/// A function's name, and its version or alias where it has one.
fn parts(address: &Address) -> (&str, Option<String>) {
    match address.name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (&address.name, None),
    }
}

fn arn(address: &Address) -> Arn {
    let target = &address.target;
    let partition = Partition::of_region(&target.region).unwrap_or_default();
    Arn::new(partition, "lambda", Some(&target.region), Some(target.account), format!("function:{}", address.name))
}

async fn policy(cell: &Cell<'_>, address: &Address) -> Result<(Permission, Vec<Note>), OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let (name, qualifier) = parts(address);
    let answer = session
        .call(region, "lambda", "GetPolicy")
        .run(|| {
            let get = session.lambda().get_policy().function_name(name).set_qualifier(qualifier.clone());
            send!(lambda, region, get)
        })
        .await;
    let Some(answer) = found(answer, ABSENT)? else {
        // Answered for a function without a policy as well as for none at all.
        let function = session
            .call(region, "lambda", "GetFunctionConfiguration")
            .run(|| {
                let get = session.lambda().get_function_configuration().function_name(name);
                send!(lambda, region, get.set_qualifier(qualifier.clone()))
            })
            .await;
        let spec = match found(function, ABSENT)? {
            Some(_) => Permission::seen(Policy::new(Vec::new())),
            None => Permission::of_no_function(),
        };
        return Ok((spec, Vec::new()));
    };
    let document = Policy::parse(answer.policy().unwrap_or_default())
        .map_err(|e| cell.malformed("lambda", "GetPolicy", &format!("the function's policy cannot be read: {e}")))?;
    let spec = Permission::seen(document);
    let notes = spec.policy.open_notes(cell.target, "function policy");
    Ok((spec, notes))
}

impl Write for Permission {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let before = seen.map(Permission::ours).unwrap_or_default();
        let wanted = self.ours();
        for sid in before.iter().filter(|(sid, statement)| wanted.get(*sid) != Some(statement)).map(|(sid, _)| sid) {
            remove(order, sid).await?;
        }
        for (sid, statement) in wanted.iter().filter(|(sid, statement)| before.get(*sid) != Some(statement)) {
            add(order, sid, statement).await?;
        }
        Ok(arn(order.address))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        for sid in self.ours().keys() {
            remove(order, sid).await?;
        }
        Ok(())
    }
}

async fn add(order: &Order<'_>, sid: &str, statement: &Statement) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let (name, qualifier) = parts(order.address);
    let principal = match &statement.principal {
        Some(Principals::Principal(Who::Named(lists))) => {
            lists.get(&PrincipalType::Service).and_then(|all| all.first())
        }
        _ => None,
    };
    let source = statement.conditions.values().flat_map(|keys| keys.values()).flatten().next();
    let (Some(principal), Some(source)) = (principal, source) else {
        return Err(order.malformed("AddPermission", "only a topic is ever let in"));
    };
    session
        .call(region, "lambda", "AddPermission")
        .run_or_done(is_there, || {
            let add = session
                .lambda()
                .add_permission()
                .function_name(name)
                .set_qualifier(qualifier.clone())
                .statement_id(sid)
                .action("lambda:InvokeFunction")
                .principal(principal)
                .source_arn(source);
            send!(lambda, region, add)
        })
        .await?;
    Ok(())
}

fn is_there(error: &OpError) -> bool {
    error.has_code(&["ResourceConflictException"])
}

async fn remove(order: &Order<'_>, sid: &str) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let (name, qualifier) = parts(order.address);
    let removed = session
        .call(region, "lambda", "RemovePermission")
        .run(|| {
            let remove = session.lambda().remove_permission().function_name(name).statement_id(sid);
            send!(lambda, region, remove.set_qualifier(qualifier.clone()))
        })
        .await;
    found(removed, ABSENT).map(|_| ())
}
