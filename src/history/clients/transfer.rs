//! Merged numbers: additions, and transfers by reading two and writing them back, which is what a lost
//! update would show in. Recorded as operands, because that is what a transfer adds up to when none is
//! lost.

use super::attempt::Attempt;
use crate::{
    engine::{EngineError, Outcome, Txn},
    history::OracleName,
    history::{KeyText, Seen, Write},
};

impl Attempt<'_> {
    /// Moves up to `amount` between two numbers, never below zero.
    pub(super) fn transfer(
        &mut self,
        txn: &dyn Txn,
        from: &[u8],
        to: &[u8],
        amount: u64,
    ) -> Outcome<()> {
        let held = self.balance(txn, from)?;
        let other = self.balance(txn, to)?;
        let amount = amount.min(held);
        self.store(txn, from, held, amount.wrapping_neg())?;
        self.store(txn, to, other, amount)
    }

    fn balance(&mut self, txn: &dyn Txn, key: &[u8]) -> Outcome<u64> {
        let first = !self.own.contains_key(key);
        let seen = self.read(txn, key)?;
        let Seen::Sum(balance) = seen else {
            let key = KeyText::new(key).0;
            self.wrong(OracleName::Conservation, format!("{}: account {key} is {seen:?}", self.id));
            return Err(EngineError::Failed("an account that is none".to_owned()));
        };
        if first {
            let at = KeyText::new(key);
            let own = self.writes.iter().filter_map(|(to, write)| match write {
                Write::Add(number) if *to == at => Some(*number),
                _ => None,
            });
            let before = own.fold(balance, u64::wrapping_sub);
            self.reads.insert(at, Seen::Sum(before));
        }
        Ok(balance)
    }

    /// Notes a merged operand: a number that the transaction knows has grown by it.
    pub(super) fn added(&mut self, key: &[u8], number: u64) {
        self.writes.push((KeyText::new(key), Write::Add(number)));
        if let Some(Seen::Sum(known)) = self.own.get_mut(key) {
            *known = known.wrapping_add(number);
        }
    }

    fn store(&mut self, txn: &dyn Txn, key: &[u8], was: u64, added: u64) -> Outcome<()> {
        let now = was.wrapping_add(added);
        txn.update(key, &now.to_le_bytes())?;
        self.wrote(key, Write::Add(added), Seen::Sum(now));
        Ok(())
    }
}
