//! The one way in which lists are read page by page: every list has an end.

use std::collections::HashSet;
use std::time::Duration;

use super::clients::Session;
use crate::model::{OpError, Region};

/// A list of more pages than this is none: the longest that AWS's quotas allow of what is listed here are a thousand
/// pages (KMS Developer Guide, "Resource quotas": 100,000 keys, a hundred a page).
const MAX_PAGES: u32 = 10_000;
/// How long a list may take, waits for a turn included.
const LIST_TIME: Duration = Duration::from_secs(1800);

/// How far a list has been read.
#[derive(Debug)]
pub struct Pages<'a> {
    session: &'a Session,
    region: &'a Region,
    service: &'static str,
    operation: &'static str,
    token: Option<String>,
    /// The tokens that were followed: a list that comes to one again would go round in circles.
    followed: HashSet<String>,
    since: Duration,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        session: &'a Session,
        region: &'a Region,
        service: &'static str,
        operation: &'static str,
    ) -> Self {
        let since = session.clock().elapsed();
        Pages { session, region, service, operation, token: None, followed: HashSet::new(), since }
    }

    /// The token of the page to ask for; `None` is the first one.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes the token that a page ended with; whether there is another page.
    ///
    /// # Errors
    ///
    /// The list has no end: it could not be read.
    pub fn turn(&mut self, next: Option<String>) -> Result<bool, OpError> {
        self.token = next.filter(|token| !token.is_empty());
        let Some(token) = &self.token else { return Ok(false) };
        if !self.followed.insert(token.clone()) {
            return Err(self.endless("it came to the same page token twice"));
        }
        if self.followed.len() >= MAX_PAGES as usize {
            return Err(self.endless(&format!("there were more than {MAX_PAGES} pages")));
        }
        if self.session.clock().elapsed().saturating_sub(self.since) >= LIST_TIME {
            let minutes = LIST_TIME.as_secs() / 60;
            let pages = self.followed.len();
            return Err(self.endless(&format!("it was not at its end after {minutes} minutes and {pages} pages")));
        }
        Ok(true)
    }

    /// The same for a service that says apart whether there is more: without a marker it would be the first page again.
    ///
    /// # Errors
    ///
    /// As of [`Pages::turn`], and where there is more and nothing to ask for it with.
    pub fn turn_if(&mut self, more: bool, next: Option<String>) -> Result<bool, OpError> {
        match next.filter(|marker| !marker.is_empty()) {
            _ if !more => Ok(false),
            None => Err(self.endless("it says that there is more, without a marker to ask for it with")),
            next => self.turn(next),
        }
    }

    fn endless(&self, why: &str) -> OpError {
        let message = format!("the list could not be read to its end: {why}");
        self.session.unreadable(self.region, self.service, self.operation, &message)
    }
}
