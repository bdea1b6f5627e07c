//! The files that inputs are made from.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the corpus.
#[derive(Debug)]
pub struct Seed {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// The text of the file.
    pub text: String,
}

/// Every file with this extension in these places below the repository's root; a place is a folder or a single file.
///
/// # Panics
///
/// When a place cannot be read or holds no such file: a target without its corpus would find nothing.
pub fn seeds(places: &[&str], extension: &str) -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seeds = Vec::new();
    for place in places {
        let path = root.join(place);
        let mut files = if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap_or_else(|e| panic!("cannot read {place}: {e}"));
            entries.map(|entry| entry.expect("the folder can be listed").path()).collect()
        } else {
            vec![path]
        };
        files.retain(|file| file.extension().is_some_and(|found| found == extension));
        files.sort();
        assert!(!files.is_empty(), "nothing ends with .{extension} in {place}");
        seeds.extend(files.into_iter().map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
            Seed { path, text }
        }));
    }
    seeds
}

/// The entry that a number from an input stands for; `None` when there is nothing to choose from.
pub fn pick<T>(all: &[T], number: u16) -> Option<&T> {
    all.get(index(all.len(), number)?)
}

/// The index that a number from an input stands for.
pub fn index(length: usize, number: u16) -> Option<usize> {
    (length > 0).then(|| usize::from(number) % length)
}
