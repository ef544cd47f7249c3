//! Keys of checkpoints: Ed25519, written as Go's `golang.org/x/mod/sumdb/note` writes them.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    digest,
    encoding::AsBigEndian as _,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{CheckpointError, Malformed, SignedNote, note::NoteSignature};
use crate::types::{NoteName, hex};

/// Type of the signature: Ed25519 over the text (C2SP, signed-note, "Signature types").
const ED25519_TYPE: u8 = 0x01;
const KEY_BYTES: usize = 32;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// A private key: signs. It is written to its file once and can be shown nowhere else.
pub struct CheckpointKey {
    verifier: CheckpointVerifier,
    private_key: Ed25519KeyPair,
}

/// A public key: verifies. Written `NAME+ID+KEY`, the id in hexadecimal digits, the key in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointVerifier {
    name: NoteName,
    public: [u8; KEY_BYTES],
}

impl CheckpointKey {
    /// A new key; none if the machine gives no random numbers.
    #[must_use]
    pub fn generate(name: NoteName) -> Option<Self> {
        Self::of(name, Ed25519KeyPair::generate().ok()?)
    }

    /// The public key that goes with it.
    #[must_use]
    pub fn verifier(&self) -> CheckpointVerifier {
        self.verifier.clone()
    }

    /// Signs a text that ends with a newline.
    pub(super) fn sign(&self, text: String) -> Option<SignedNote> {
        let signature = self.private_key.try_sign(text.as_bytes()).ok()?.as_ref().to_vec();
        let CheckpointVerifier { name, .. } = &self.verifier;
        let signature = NoteSignature { name: name.clone(), key_id: self.verifier.id(), signature };
        Some(SignedNote::new(text, vec![signature]))
    }

    /// The text of its file: `PRIVATE+KEY+NAME+ID+SEED`.
    pub(super) fn secret_text(&self) -> Option<String> {
        let seed = self.private_key.seed().ok()?.as_be_bytes().ok()?;
        let secret = STANDARD.encode([&[ED25519_TYPE], seed.as_ref()].concat());
        let CheckpointVerifier { name, .. } = &self.verifier;
        Some(format!("{PRIVATE_PREFIX}{name}+{}+{secret}", hex(&self.verifier.id())))
    }

    fn of(name: NoteName, private_key: Ed25519KeyPair) -> Option<Self> {
        let public = private_key.public_key().as_ref().try_into().ok()?;
        Some(Self { verifier: CheckpointVerifier { name, public }, private_key })
    }
}

/// Reads the text of a key file. What is wrong is said without the text.
impl FromStr for CheckpointKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong =
            Malformed("must be a private key, PRIVATE+KEY+NAME+ID+SEED, as `rootgate journal key generate` writes it");
        let (name, id, seed) = parts(text.strip_prefix(PRIVATE_PREFIX).ok_or(wrong)?).ok_or(wrong)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| wrong)?;
        let key = Self::of(name, pair).ok_or(wrong)?;
        check_id(&key.verifier, id)?;
        Ok(key)
    }
}

impl CheckpointVerifier {
    /// Name of the key.
    #[must_use]
    pub const fn name(&self) -> &NoteName {
        &self.name
    }

    /// Whether one of these keys has signed the note, and each of them that signed did so rightly. Signatures of others
    /// are nobody's business.
    pub(super) fn check(keys: &[Self], note: &SignedNote) -> Result<(), CheckpointError> {
        let mut is_signed = false;
        for signature in note.signatures() {
            let of_it = |key: &&Self| key.name == signature.name && key.id() == signature.key_id;
            for key in keys.iter().filter(of_it) {
                if !key.has_signed(note.text(), &signature.signature) {
                    return Err(CheckpointError::BadSignature(key.label()));
                }
                is_signed = true;
            }
        }
        if is_signed {
            return Ok(());
        }
        let label = |signature: &NoteSignature| label(&signature.name, signature.key_id);
        let signers = listed(note.signatures().iter().map(label));
        Err(CheckpointError::UnknownSigner { signers, given: listed(keys.iter().map(Self::label)) })
    }

    fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }

    /// First bytes of SHA-256 over name, newline, type and key. An identifier, and no proof of anything.
    pub(super) fn id(&self) -> [u8; 4] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.name.as_str().as_bytes());
        context.update(&[b'\n', ED25519_TYPE]);
        context.update(&self.public);
        let mut id = [0; 4];
        id.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        id
    }

    /// Name and id, for messages.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.name, self.id())
    }
}

impl FromStr for CheckpointVerifier {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.starts_with(PRIVATE_PREFIX) {
            return Err(Malformed(
                "is a private key: give the public one, as `rootgate journal key public` prints it, and keep this one secret",
            ));
        }
        let wrong = Malformed("must be a public key, NAME+ID+KEY, as `rootgate journal key public` prints it");
        let (name, id, public) = parts(text).ok_or(wrong)?;
        let verifier = Self { name, public };
        check_id(&verifier, id)?;
        Ok(verifier)
    }
}

/// As other people's tools take it.
impl fmt::Display for CheckpointVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_TYPE], &self.public[..]].concat());
        write!(f, "{}+{}+{key}", self.name, hex(&self.id()))
    }
}

/// `NAME+ID+KEY`; the key in base64 can hold a `+` too.
fn parts(text: &str) -> Option<(NoteName, &str, [u8; KEY_BYTES])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = STANDARD.decode(key).ok()?;
    let (kind, key) = bytes.split_first()?;
    let key = (*kind == ED25519_TYPE).then(|| key.try_into().ok())??;
    Some((name.parse().ok()?, id, key))
}

fn check_id(verifier: &CheckpointVerifier, id: &str) -> Result<(), Malformed> {
    if hex(&verifier.id()) == id {
        return Ok(());
    }
    Err(Malformed("its id does not fit its name and key: it was changed, or is not copied whole"))
}

fn label(name: &NoteName, id: [u8; 4]) -> String {
    format!("{name}+{}", hex(&id))
}

/// Keys in a message; a note can have many.
const LISTED_MAX: usize = 4;

fn listed(labels: impl ExactSizeIterator<Item = String>) -> String {
    let more = labels.len().saturating_sub(LISTED_MAX);
    let mut text = labels.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
