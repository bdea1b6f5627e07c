//! Reading and writing it.

use super::spec::QueuePolicy;
use crate::model::{Arn, OpError};
use crate::services::Reading;
use crate::services::adapter::{Cell, Order, Write};

/// The operations that reading takes.
pub const READS: &[&str] = &[];

/// Reads a cell.
pub async fn observe(_cell: &Cell<'_>) -> Result<Reading, OpError> {
    Ok(Reading::default())
}

impl Write for QueuePolicy {
    async fn apply(&self, _seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        Err(order.refused("Apply", "not written yet"))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("Delete", "not written yet"))
    }
}
