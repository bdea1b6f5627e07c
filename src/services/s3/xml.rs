//! S3's configuration documents as trees. The SDK's types drop every element that they do not know, and a write replaces
//! the whole document: what is to be sent back is therefore kept as it was read.

use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// Deeper than any document of S3's, and shallow enough for the stack.
const DEPTH: usize = 32;
/// The namespace of S3's documents (S3 API Reference).
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An element with its attributes, its text and the elements below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without a prefix.
    pub name: String,
    attributes: Vec<(String, String)>,
    text: String,
    /// The elements below it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Self {
        Element { name: name.to_owned(), ..Element::default() }
    }

    /// An element that holds a text.
    pub fn of(name: &str, text: impl ToString) -> Self {
        Element { text: text.to_string(), ..Element::new(name) }
    }

    /// Adds elements below this one.
    #[must_use]
    pub fn with(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The first element of that name below this one.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every element of that name below this one.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the element of that name below this one; `None` where there is no such element.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(Element::text)
    }

    /// Its text; beside other elements, blanks are layout.
    pub fn text(&self) -> &str {
        if self.children.is_empty() { &self.text } else { self.text.trim() }
    }

    /// The elements below it and its text as JSON, in a form in which the order of differently named elements and blanks
    /// between them make no difference. Whole numbers are numbers; what occurs more than once is a list.
    pub fn json(&self) -> Value {
        if self.children.is_empty() && self.attributes.is_empty() {
            return scalar(self.text());
        }
        let mut members: Map<String, Value> = Map::new();
        for child in &self.children {
            let value = child.json();
            match members.get_mut(&child.name) {
                None => {
                    members.insert(child.name.clone(), value);
                }
                Some(Value::Array(all)) => all.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        for (name, value) in &self.attributes {
            members.insert(format!("@{name}"), Value::from(value.clone()));
        }
        if !self.text().is_empty() {
            members.insert("#text".to_owned(), Value::from(self.text()));
        }
        Value::Object(members)
    }

    /// The document with this element as its root, in S3's namespace.
    pub fn document(&self) -> String {
        let mut root = self.clone();
        root.attributes.insert(0, ("xmlns".to_owned(), NAMESPACE.to_owned()));
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        root.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escape(value.as_str())));
        }
        out.push('>');
        // Blanks between elements are layout; those around a text may be a part of it (a prefix, a tag's value).
        if self.children.is_empty() {
            out.push_str(&escape(self.text.as_str()));
        }
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// Reads a document; its root must bear that name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(bytes: &[u8], root: &str) -> Result<Element, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        if text.trim().is_empty() {
            return Err("the answer is empty".to_owned());
        }
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open: Vec<Element> = vec![Element::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(_) if open.len() > DEPTH => return Err("it is nested too deeply".to_owned()),
                Event::Start(start) => open.push(begun(&start)?),
                Event::Empty(start) => close(&mut open, begun(&start)?)?,
                Event::End(_) => {
                    let element = open.pop().ok_or("an element ends that never began")?;
                    close(&mut open, element)?;
                }
                Event::Text(text) => say(&mut open, &text),
                Event::CData(data) => say(&mut open, &data),
                Event::GeneralRef(reference) => {
                    let text = format!("&{};", &*reference);
                    say(&mut open, &unescape(&text).map_err(|error| error.to_string())?);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let complete = (open.len() == 1).then(|| open.pop()).flatten();
        match complete.map(|document| document.children) {
            Some(mut children) if children.len() == 1 && children[0].name == root => Ok(children.remove(0)),
            _ => Err(format!("the answer is not one complete `{root}`")),
        }
    }
}

/// A whole number where the text is one as JSON spells it, else the text.
fn scalar(text: &str) -> Value {
    match text.trim().parse::<i64>() {
        Ok(number) if number.to_string() == text.trim() => Value::from(number),
        _ => Value::from(text),
    }
}

fn begun(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element::new(start.local_name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.as_ref();
        if name != "xmlns" {
            let value = unescape(&attribute.value).map_err(|error| error.to_string())?;
            element.attributes.push((name.to_owned(), value.into_owned()));
        }
    }
    Ok(element)
}

fn close(open: &mut [Element], element: Element) -> Result<(), String> {
    open.last_mut().ok_or("an element ends that never began")?.children.push(element);
    Ok(())
}

fn say(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_written_again_whether_it_is_known_or_not() {
        let text = "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n  <Rule><Prefix>a &amp; b </Prefix><New kind=\"x\">\
                    <Days>1</Days></New></Rule>\n</R>";
        let read = Element::parse(text.as_bytes(), "R").unwrap();
        let again = Element::parse(read.document().as_bytes(), "R").unwrap();
        assert_eq!(again.json(), read.json());
        let rule = again.child("Rule").unwrap();
        // A blank at the end of a prefix is a part of it.
        assert!(read.document().contains("<Prefix>a &amp; b </Prefix>"), "{}", read.document());
        assert_eq!(rule.json(), json!({ "Prefix": "a & b ", "New": { "@kind": "x", "Days": 1 } }));
    }

    #[test]
    fn what_is_no_document_is_no_answer() {
        for bad in ["", " \n", "<R>", "<R></S>", "<S/>", "<R/><R/>", "text"] {
            assert!(Element::parse(bad.as_bytes(), "R").is_err(), "{bad}");
        }
        assert!(Element::parse("<R>".repeat(1 << 16).as_bytes(), "R").is_err());
    }

    #[test]
    fn order_and_layout_make_no_difference_and_repetition_does() {
        let json = |text: &str| Element::parse(text.as_bytes(), "R").unwrap().json();
        assert_eq!(json("<R><A>1</A><B>01</B></R>"), json("<R>\n<B>01</B> <A> 1 </A></R>"));
        assert_eq!(json("<R><A>1</A><A>2</A></R>"), json!({ "A": [1, 2] }));
        assert_eq!(json("<R><B>01</B></R>"), json!({ "B": "01" }));
    }
}
