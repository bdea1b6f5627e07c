//! XML as a tree: enough of it for what AWS sends and takes.

use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::{Refusal, Reply};

/// Deeper than anything AWS takes, and shallow enough for the stack.
const DEPTH: usize = 32;

/// An element with its attributes, its text and the elements below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Node {
    pub name: String,
    attributes: Vec<(String, String)>,
    content: String,
    pub children: Vec<Node>,
}

impl Node {
    /// An empty element.
    pub fn new(name: impl Into<String>) -> Node {
        Node { name: name.into(), ..Node::default() }
    }

    /// An element that holds a text.
    pub fn text(name: impl Into<String>, content: impl Into<String>) -> Node {
        Node { name: name.into(), content: content.into(), ..Node::default() }
    }

    /// Adds an attribute.
    pub fn attribute(mut self, name: &str, value: &str) -> Node {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an element below this one.
    pub fn with(mut self, child: Node) -> Node {
        self.children.push(child);
        self
    }

    /// Adds elements below this one.
    pub fn with_all(mut self, children: impl IntoIterator<Item = Node>) -> Node {
        self.children.extend(children);
        self
    }

    /// The first element of that name below this one.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every element of that name below this one.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the element of that name below this one.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(Node::content)
    }

    /// The text inside, without the blanks around it.
    pub fn content(&self) -> &str {
        self.content.trim()
    }

    /// The document with this element as its root.
    pub fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escape(value.as_str())));
        }
        out.push('>');
        out.push_str(&escape(self.content.as_str()));
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// Reads a document; prefixes of names are dropped.
    ///
    /// # Errors
    /// What is wrong with it, in the parser's words.
    pub fn parse(bytes: &[u8]) -> Result<Node, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open: Vec<Node> = vec![Node::default()];
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            match event {
                Event::Start(_) if open.len() > DEPTH => return Err("it is nested too deeply".to_owned()),
                Event::Start(start) => open.push(Node::new(start.local_name().as_ref())),
                Event::Empty(start) => close(&mut open, Node::new(start.local_name().as_ref()))?,
                Event::End(_) => {
                    let node = open.pop().ok_or("an element ends that never began")?;
                    close(&mut open, node)?;
                }
                Event::Text(text) => {
                    if let Some(node) = open.last_mut() {
                        node.content.push_str(&text);
                    }
                }
                Event::CData(data) => {
                    if let Some(node) = open.last_mut() {
                        node.content.push_str(&data);
                    }
                }
                Event::GeneralRef(reference) => {
                    let written = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&written).map_err(|error| error.to_string())?;
                    if let Some(node) = open.last_mut() {
                        node.content.push_str(&text);
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(mut document), true) if document.children.len() == 1 => {
                document.children.pop().ok_or_else(|| "no root".to_owned())
            }
            _ => Err("the document is not one complete element".to_owned()),
        }
    }
}

fn close(open: &mut [Node], node: Node) -> Result<(), String> {
    open.last_mut().ok_or("an element ends that never began")?.children.push(node);
    Ok(())
}

/// S3's error document.
pub(super) fn refusal(refusal: Refusal, request_id: &str) -> Reply {
    let root = Node::new("Error")
        .with(Node::text("Code", &refusal.code))
        .with(Node::text("Message", &refusal.message))
        .with_all(refusal.details.into_iter().map(|(name, value)| Node::text(name, value)))
        .with(Node::text("RequestId", request_id))
        .with(Node::text("HostId", format!("simulated-{request_id}")));
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Reply { status: refusal.status, headers, body: root.document().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let node =
            Node::new("A").with(Node::text("B", "x < y & \"z\"")).with(Node::new("C").with(Node::text("D", "1")));
        assert_eq!(Node::parse(node.document().as_bytes()).unwrap(), node);
        assert_eq!(Node::parse(b"<s:A xmlns:s='u'><s:B/></s:A>").unwrap().children[0].name, "B");
        assert!(Node::parse("<A>".repeat(1 << 16).as_bytes()).is_err());
        for bad in ["", "<A>", "<A></B>", "<A/><B/>", "text"] {
            assert!(Node::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
