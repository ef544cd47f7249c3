//! `journal key`, `journal checkpoint`, and the checkpoints that `journal verify` is given.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    super::{
        AnchorFile, Checkpoint, CheckpointError, CheckpointKey, CheckpointVerifier, Checkpointer, Expectation,
        KeyFileError, read_checkpoints,
    },
    CommandError,
};
use crate::{store::Location, types::NoteName};

/// What to do with a key.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key that signs checkpoints, and print its public key
    ///
    /// The file is readable for its owner only, and none is ever overwritten. Keep the public key where whoever can write
    /// the journal cannot change it.
    #[command(after_long_help = "\
Examples:
  rootgate journal key generate --name rootgate.example.com/journal --output /etc/rootgate/checkpoint.key")]
    Generate(GenerateArguments),
    /// Print the public key of a private one
    #[command(after_long_help = "\
Examples:
  rootgate journal key public --key /etc/rootgate/checkpoint.key > checkpoint.pub")]
    Public(PublicArguments),
}

/// Arguments of `key generate`.
#[derive(Clone, Debug, Args)]
pub struct GenerateArguments {
    /// Name of the key: best the journal's own name, a URL without scheme
    #[arg(long, value_name = "NAME")]
    pub name: NoteName,
    /// The file to make
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Arguments of `key public`.
#[derive(Clone, Debug, Args)]
pub struct PublicArguments {
    /// File of the private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// Arguments of `checkpoint`.
#[derive(Clone, Debug, Args)]
pub struct SignArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// File of the private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The journal's name; if left out, the key's
    #[arg(long, value_name = "NAME")]
    pub origin: Option<NoteName>,
    /// Append to this file of checkpoints instead of printing
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The checkpoints that a journal must continue.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckpointArguments {
    /// File of signed checkpoints, one or many, each of which the journal must hold; may be given several times
    #[arg(long = "checkpoint", value_name = "FILE", requires = "public_keys")]
    pub checkpoints: Vec<PathBuf>,
    /// Public key of who signs the checkpoints, or a file of it; may be given several times
    #[arg(long = "public-key", id = "public_keys", value_name = "KEY|FILE", requires = "checkpoints")]
    pub public_keys: Vec<String>,
    /// The journal's name, which each checkpoint must say; if left out, they must all say the same
    #[arg(long, value_name = "NAME", requires = "checkpoints")]
    pub origin: Option<NoteName>,
}

/// A checkpoint in a file that proves nothing.
#[derive(Debug, thiserror::Error)]
#[error("{which} in {}: {source}", .path.display())]
pub struct UnprovenCheckpoint {
    /// The file.
    pub path: PathBuf,
    /// Which of its checkpoints.
    pub which: String,
    /// Why.
    pub source: CheckpointError,
}

impl CheckpointArguments {
    /// What the checkpoints say that must be in the journal, each of them proven first; and how many there are.
    pub(super) fn expectations(&self) -> Result<(usize, Vec<Expectation>), CommandError> {
        let keys = self.public_keys.iter().map(|text| public_key(text)).collect::<Result<Vec<_>, _>>()?;
        let mut origin = self.origin.clone();
        let mut expectations = Vec::new();
        let mut count = 0;
        for path in &self.checkpoints {
            for (number, note) in (1..).zip(read_checkpoints(path)?) {
                let unproven =
                    |source| UnprovenCheckpoint { path: path.clone(), which: format!("checkpoint {number}"), source };
                let checkpoint = Checkpoint::verified(&note, &keys).map_err(unproven)?;
                checkpoint.of(origin.get_or_insert_with(|| checkpoint.origin.clone())).map_err(unproven)?;
                expectations.extend(checkpoint.expectation());
                count += 1;
            }
        }
        Ok((count, expectations))
    }
}

/// A key as it is written, or a file of it.
fn public_key(text: &str) -> Result<CheckpointVerifier, KeyFileError> {
    match text.parse() {
        Ok(key) => Ok(key),
        // No path: a key that has a typing error, or the private one by mistake.
        Err(source) if text.contains('+') && !Path::new(text).exists() => Err(KeyFileError::Argument(source)),
        Err(_) => CheckpointVerifier::read(Path::new(text)),
    }
}

pub(super) fn run_key(command: &KeyCommand, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let key = match command {
        KeyCommand::Generate(GenerateArguments { name, output }) => {
            let key = CheckpointKey::generate(name.clone()).ok_or(KeyFileError::NoRandomness)?;
            key.write(output)?;
            key
        }
        KeyCommand::Public(PublicArguments { key }) => CheckpointKey::read(key)?,
    };
    writeln!(out, "{}", key.verifier())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run_sign(arguments: &SignArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let key = CheckpointKey::read(&arguments.key)?;
    let origin = arguments.origin.clone().unwrap_or_else(|| key.verifier().name().clone());
    let checkpointer = Checkpointer::new(key, origin.clone());
    let Some(path) = &arguments.output else {
        write!(out, "{}", checkpointer.sign_at(&arguments.journal).await?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let anchor = AnchorFile::new(path.clone(), origin);
    if let Some(latest) = anchor.latest().await? {
        let which = "the checkpoint of the most records".to_owned();
        let unproven = |source| UnprovenCheckpoint { path: path.clone(), which, source };
        checkpointer.continue_from(&latest).await.map_err(unproven)?;
    }
    anchor.append(&checkpointer.sign_at(&arguments.journal).await?).await?;
    Ok(ExitCode::SUCCESS)
}
