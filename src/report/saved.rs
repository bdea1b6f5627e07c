//! A saved plan, as bytes: the document, and the digest that ends it.

use std::io::{self, Write};

use crate::model::{Digest, Digester};
use crate::plan::Plan;
use crate::plan::file::{Content, Origin, seal};

/// Writes a plan with where it comes from.
///
/// # Errors
///
/// `out` takes no more.
pub fn write(origin: &Origin, plan: &Plan, out: impl Write) -> io::Result<()> {
    let mut sealing = Sealing { out: io::BufWriter::new(out), held: None, digester: Digester::default() };
    serde_json::to_writer(&mut sealing, &Content { origin, plan })?;
    let digest: Digest = sealing.digester.finish();
    // In the place of the bracket that would have ended the document.
    sealing.out.write_all(seal(&digest).as_bytes())?;
    sealing.out.flush()
}

/// Passes everything on but the last byte, and digests it.
struct Sealing<W> {
    out: W,
    held: Option<u8>,
    digester: Digester,
}

impl<W: Write> Sealing<W> {
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digester.update(bytes);
        self.out.write_all(bytes)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((last, before)) = bytes.split_last() {
            if let Some(held) = self.held.replace(*last) {
                self.pass(&[held])?;
            }
            self.pass(before)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
