//! `awsQuery` and `ec2Query`.

use serde_json::{Map, Value};

use super::{Http, Node, Refusal, Reply};

/// The `Action`, and the form as an object of texts, keys as they were sent (`Filter.1.Name`).
pub(super) fn read(http: &Http) -> Result<(String, Value), Refusal> {
    let mut input: Map<String, Value> =
        http.query.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
    for (key, value) in form_urlencoded::parse(&http.body) {
        input.insert(key.into_owned(), Value::String(value.into_owned()));
    }
    match input.get("Action").and_then(Value::as_str).map(str::to_owned) {
        Some(action) => Ok((action, Value::Object(input))),
        None => Err(Refusal::new(400, "MissingAction", "The request must contain the parameter Action")),
    }
}

pub(super) fn answer(namespace: &'static str, operation: &str, members: Vec<Node>, request_id: &str) -> Reply {
    let root = Node::new(format!("{operation}Response"))
        .attribute("xmlns", namespace)
        .with(Node::new(format!("{operation}Result")).with_all(members))
        .with(Node::new("ResponseMetadata").with(Node::text("RequestId", request_id)));
    xml(200, &root)
}

pub(super) fn ec2_answer(namespace: &'static str, operation: &str, members: Vec<Node>, request_id: &str) -> Reply {
    let root = Node::new(format!("{operation}Response"))
        .attribute("xmlns", namespace)
        .with(Node::text("requestId", request_id))
        .with_all(members);
    xml(200, &root)
}

pub(super) fn refusal(namespace: &'static str, refusal: &Refusal, request_id: &str) -> Reply {
    let fault = if refusal.status >= 500 { "Receiver" } else { "Sender" };
    let error = Node::new("Error")
        .with(Node::text("Type", fault))
        .with(Node::text("Code", &refusal.code))
        .with(Node::text("Message", &refusal.message));
    let root =
        Node::new("ErrorResponse").attribute("xmlns", namespace).with(error).with(Node::text("RequestId", request_id));
    xml(refusal.status, &root)
}

pub(super) fn ec2_refusal(refusal: &Refusal, request_id: &str) -> Reply {
    let error =
        Node::new("Error").with(Node::text("Code", &refusal.code)).with(Node::text("Message", &refusal.message));
    let root = Node::new("Response").with(Node::new("Errors").with(error)).with(Node::text("RequestID", request_id));
    xml(refusal.status, &root)
}

fn xml(status: u16, root: &Node) -> Reply {
    let headers = vec![("content-type".to_owned(), "text/xml;charset=UTF-8".to_owned())];
    Reply { status, headers, body: root.document().into_bytes() }
}
