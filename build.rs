//! Compiles the proto with protox, so that no protoc is needed, and keeps the descriptor for reflection.

use std::{env, error::Error, fs, path::PathBuf};

/// Messages that hold secrets get a hand-written `Debug`, see `src/pb.rs`.
const SECRET_MESSAGES: [&str; 2] = [".rootgate.v1.Credentials", ".rootgate.v1.AssumeRootResponse"];

#[allow(clippy::disallowed_methods, reason = "cargo hands OUT_DIR over in the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files([
        "rootgate/v1/root_access.proto",
        "rootgate/v1/approval.proto",
        "rootgate/v1/journal.proto",
        "rootgate/v1/policy.proto",
    ])?;
    fs::write(out_dir.join("rootgate_descriptor.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure().skip_debug(SECRET_MESSAGES).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
