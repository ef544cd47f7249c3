//! What the store keeps of an answer, so that a repetition of the request gets it again.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use super::{Answer, Done, Kept};
use crate::{
    error::{Error, RecordedError},
    journal::RequestEnd,
    ops::{Conclusion, Operation},
};

/// Version of the envelope. Another one is refused, and then the request is answered by no guess.
const VERSION: u32 = 1;

/// An answer: a message, an error, or for an act of which only part was done, both.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    version: u32,
    error: Option<RecordedError>,
    /// The message as the API wrote it, in base64.
    answer: Option<String>,
}

/// What becomes of the id of a request whose act ended so.
pub(super) fn end_of<O: Operation, A: Answer<O>>(result: Result<(&Conclusion, &A), &Error>) -> RequestEnd {
    match result {
        // Nothing was changed, and a retry with the same id is to try again.
        Err(error) if error.reason().is_transient() => RequestEnd::Release,
        Err(error) => keep(Some(error), None),
        Ok((conclusion, answer)) => {
            let shortfall = conclusion.shortfall.as_ref();
            let is_transient = shortfall.is_some_and(|error| error.reason().is_transient());
            match answer.kept() {
                _ if is_transient && conclusion.changed == Some(false) => RequestEnd::Release,
                Kept::Answer(message) => keep(shortfall, Some(&message)),
                Kept::Instead(error) => keep(Some(&error), None),
            }
        }
    }
}

fn keep(error: Option<&Error>, answer: Option<&[u8]>) -> RequestEnd {
    let answer = answer.map(|message| BASE64.encode(message));
    let envelope = Envelope { version: VERSION, error: error.map(RecordedError::from), answer };
    // Texts always encode; were it not so, a repetition must not be told anything that was not answered.
    serde_json::to_vec(&envelope).map_or(RequestEnd::Interrupted, RequestEnd::Keep)
}

/// What was answered, but for the place of its record; none if it cannot be read, as when a newer gateway wrote it.
pub(super) fn read<O: Operation, A: Answer<O>>(kept: &[u8]) -> Option<Result<Done<A>, Error>> {
    let Envelope { version, error, answer } = serde_json::from_slice(kept).ok()?;
    if version != VERSION {
        return None;
    }
    let error = error.map(Error::from);
    match answer {
        None => error.map(Err),
        Some(message) => {
            let answer = A::read(&BASE64.decode(message).ok()?)?;
            Some(Ok(Done { answer, shortfall: error }))
        }
    }
}

#[cfg(test)]
mod tests;
