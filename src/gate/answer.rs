//! What a caller is answered, in a form that can be given again.

use super::Evidence;
use crate::{error::Error, journal::Position, ops::Operation};

/// The answer to one kind of operation. The API implements it, which alone knows messages.
///
/// It is made before the outcome is recorded, since what is kept of it goes into the same transaction; where the outcome
/// stands is filled in afterwards, the first time and each time after it.
pub trait Answer<O: Operation>: Send + Sized + 'static {
    /// The answer to an act that was carried through, but for the place of its record.
    fn new(output: O::Output, evidence: Evidence) -> Self;

    /// Says where the outcome is recorded.
    fn set_position(&mut self, position: Position);

    /// What a repetition of the request is to be given. Never a secret.
    fn kept(&self) -> Kept;

    /// Reads what was kept; none if it is no such answer.
    fn read(kept: &[u8]) -> Option<Self>;
}

/// What is kept of an answer.
pub enum Kept {
    /// All of it.
    Answer(Vec<u8>),
    /// An error in its place, for it holds what is handed out once.
    Instead(Error),
}

/// An act that was carried through.
pub struct Done<A> {
    /// What the caller gets back.
    pub answer: A,
    /// Set if not all of it was done; the answer is then this error, with the other in its details.
    pub shortfall: Option<Error>,
}
