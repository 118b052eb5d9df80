//! Calls of a transaction for an engine that only knows [`Txn::upsert`] and reading: what each promises comes
//! of reading first, within the same transaction. Pure translation; judges nothing.

use crate::engine::{EngineError, Merge, Outcome, Reason, Txn, model::merged};

/// [`Txn::put`] for an engine that only knows [`Txn::upsert`].
///
/// # Errors
/// Those of `put`.
pub fn put(txn: &impl Txn, key: &[u8], value: &[u8]) -> Outcome<()> {
    match txn.get(key) {
        Err(EngineError::Absent) => txn.upsert(key, value),
        Ok(_) => Err(EngineError::Refused(Reason::Exists)),
        Err(denial) => Err(denial),
    }
}

/// [`Txn::update`] for such an engine.
///
/// # Errors
/// Those of `update`.
pub fn update(txn: &impl Txn, key: &[u8], value: &[u8]) -> Outcome<()> {
    txn.get(key)?;
    txn.upsert(key, value)
}

/// [`Txn::merge`] for an engine without operands: what [`Merge`] makes of the stored value and the operand
/// is written back.
///
/// # Errors
/// Those of `merge`.
pub fn merge(txn: &impl Txn, merge: Merge, key: &[u8], operand: &[u8]) -> Outcome<()> {
    if merge == Merge::None || operand.is_empty() {
        return Err(EngineError::Refused(Reason::Invalid));
    }
    let base = match txn.get(key) {
        Ok(base) => Some(base),
        Err(EngineError::Absent) => None,
        Err(denial) => return Err(denial),
    };
    txn.upsert(key, &merged(key, base.as_deref(), [operand]))
}
