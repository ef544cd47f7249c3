//! Names that are named in one place only.

use crate::{
    none,
    source::{Source, gateway, one, read},
};

/// What must not be named outside of some places.
struct Fence {
    names: &'static [&'static str],
    how: Named,
    inside: &'static [&'static str],
    rule: &'static str,
    fix: &'static str,
}

#[derive(Clone, Copy)]
enum Named {
    /// As a crate; `x*` is a prefix.
    Crate,
    /// As a path `OWNER::ITEM`.
    Path,
    /// As any word.
    Word,
}

const AWS_SDK: Fence = Fence {
    names: &[
        "aws_sdk_*",
        "aws_config",
        "aws_smithy_*",
        "aws_types",
        "aws_credential_types",
        "aws_runtime",
        "aws_sigv4",
    ],
    how: Named::Crate,
    inside: &["src/aws"],
    rule: "only the AWS adapters name the AWS SDK",
    fix: "add a narrow method to src/aws/ that takes a Permit, and call that",
};
const TONIC: Fence = Fence {
    names: &["tonic", "tonic_*", "tower_http", "prost", "prost_types"],
    how: Named::Crate,
    inside: &[
        "src/edge",
        "src/layers",
        "src/rpc",
        "src/authn/layer.rs",
        // The composition root: it builds routes, health and reflection, and hands them to the edge.
        "src/app.rs",
        "src/app/routes.rs",
        "src/app/health.rs",
        "src/pb.rs",
        // The one command that calls a gateway.
        "src/cli/credentials",
    ],
    rule: "only edge, layers, rpc, the composition of services and the command that calls a gateway name tonic",
    fix: "keep the transport out: take a parsed value, answer an `Error`, and let src/rpc/ convert both",
};
const HTTP: Fence = Fence {
    names: &["http", "http_body", "http_body_util", "hyper", "hyper_util"],
    how: Named::Crate,
    inside: &["src/edge", "src/layers", "src/rpc", "src/authn", "src/fetch", "src/cli/credentials"],
    rule: "only edge, layers, rpc, authn, fetch and the command that calls a gateway name http",
    fix: "read what you need in a layer, and pass it on as a value of your own",
};
const CEDAR: Fence = Fence {
    names: &["cedar_policy", "cedar_policy_core", "miette"],
    how: Named::Crate,
    inside: &["src/authz"],
    rule: "only authz names Cedar",
    fix: "ask `authz::Engine`, and let the `Ask` of the operation carry what policy has to see",
};
const TOKENS: Fence = Fence {
    names: &["jsonwebtoken"],
    how: Named::Crate,
    inside: &["src/authn/jwt"],
    rule: "only the scheme jwt names the library for tokens",
    fix: "let `authn::JwtIssuers` verify it",
};
const SQLX: Fence = Fence {
    names: &["sqlx"],
    how: Named::Crate,
    inside: &["src/store"],
    rule: "only the store names sqlx",
    fix: "add a method to a trait of src/store.rs",
};
const ENVIRONMENT: Fence = Fence {
    names: &["env"],
    how: Named::Word,
    inside: &["src/config", "src/main.rs"],
    rule: "only config reads the environment",
    fix: "take a `config::Environment`, or better a configuration key",
};
const FILES: Fence = Fence {
    names: &["fs", "File", "OpenOptions", "read_dir", "canonicalize", "is_file", "is_dir", "try_exists"],
    how: Named::Word,
    inside: &[
        "src/config",
        "src/edge/tls",
        "src/edge/listener",
        "src/journal",
        "src/store",
        "src/app/files.rs",
        "src/policy",
        "src/cli/credentials/token.rs",
    ],
    rule: "only config, TLS, the listener's socket, the journal, the policy loader, one place of the composition and the token of a command touch files",
    fix: "load it where the configuration is loaded, and hand the content in",
};
const CLOCK: Fence = Fence {
    names: &[
        "SystemTime::now",
        "OffsetDateTime::now_utc",
        "OffsetDateTime::now_local",
        "UtcDateTime::now",
        "Utc::now",
        "Local::now",
        "UNIX_EPOCH::elapsed",
    ],
    how: Named::Path,
    inside: &["src/clock.rs"],
    rule: "only the clock reads the time",
    fix: "take a `clock::Clock`; for a span of time use tokio's Instant, which tests can pause",
};
const ACT: Fence = Fence {
    names: &["*::act"],
    how: Named::Path,
    inside: &["src/gate/act.rs"],
    rule: "only the gate runs an operation",
    fix: "call `Gate::run`, which records the intent before and the outcome after",
};
const PERMIT: Fence = Fence {
    names: &["Permit::new"],
    how: Named::Path,
    inside: &["src/authz"],
    rule: "only authorization makes a permit",
    fix: "ask `authz::Engine::authorize`",
};
const AUTHORIZE: Fence = Fence {
    names: &["authorize"],
    how: Named::Word,
    inside: &["src/authz", "src/gate.rs"],
    rule: "only the gate asks for permits",
    fix: "call `Gate::run`; to say what policy would answer, use `Engine::explain`",
};
const CALLER: Fence = Fence {
    names: &["Caller::new"],
    how: Named::Path,
    inside: &["src/authn"],
    rule: "only authentication makes a caller",
    fix: "write a scheme in src/authn/, and let the `Authenticator` combine it with the others",
};
const SIMULATOR: Fence = Fence {
    names: &["aws_root_simulator"],
    how: Named::Word,
    inside: &[],
    rule: "the production binary does not contain the simulator",
    fix: "use it from tests/ and examples/ only",
};

fn violations<'s>(fence: &Fence, sources: impl IntoIterator<Item = &'s Source>) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.into_iter().filter(|source| !source.is_in(fence.inside)) {
        for name in fence.names {
            let places = match fence.how {
                Named::Crate => source.crate_names(name),
                Named::Path => source.path_names(name),
                Named::Word => source.word_names(name),
            };
            let line = |at| format!("{}: names `{name}`: {}; {}", source.place(at), fence.rule, fence.fix);
            found.extend(places.into_iter().map(line));
        }
    }
    found
}

fn check(fence: &Fence) {
    none(&violations(fence, gateway()));
    // What nobody names any more would be a fence around nothing: the rule has moved, and the check must follow.
    if !fence.inside.is_empty() {
        let everywhere = Fence { inside: &[], ..*fence };
        assert!(!violations(&everywhere, gateway()).is_empty(), "nothing is named at all: {}", fence.rule);
    }
}

#[test]
fn only_the_aws_adapters_name_the_sdk() {
    check(&AWS_SDK);
}

#[test]
fn only_the_transport_names_tonic_and_http() {
    check(&TONIC);
    check(&HTTP);
}

#[test]
fn only_authorization_names_cedar() {
    check(&CEDAR);
}

#[test]
fn only_the_scheme_jwt_names_the_library_for_tokens() {
    check(&TOKENS);
}

#[test]
fn only_the_store_names_sqlx() {
    check(&SQLX);
}

#[test]
fn only_the_configuration_reads_the_environment() {
    check(&ENVIRONMENT);
    // The command line is the one thing that main hands on.
    let main = read("src/main.rs").replacen("std::env::args_os()", "", 1);
    none(&violations(&Fence { inside: &["src/config"], ..ENVIRONMENT }, [&Source::new("src/main.rs", &main)]));
}

#[test]
fn only_few_places_touch_files() {
    check(&FILES);
}

#[test]
fn only_the_clock_reads_the_time() {
    check(&CLOCK);
}

#[test]
fn only_the_gate_acts() {
    check(&ACT);
}

#[test]
fn only_authorization_makes_a_permit() {
    check(&PERMIT);
    check(&AUTHORIZE);
    constructor_is_private("src/authz/permit.rs", "Permit");
}

#[test]
fn only_authentication_makes_a_caller() {
    check(&CALLER);
    constructor_is_private("src/authn/caller.rs", "Caller");
}

#[test]
fn the_simulator_stays_out_of_the_product() {
    check(&SIMULATOR);
}

/// The type's fields and its constructor are visible to no other stage, so that the compiler keeps the proof.
fn constructor_is_private(path: &str, name: &str) {
    none(&public_parts(one(path), name));
}

fn public_parts(source: &Source, name: &str) -> Vec<String> {
    let declared = format!("pub struct {name}");
    let at = source.code.find(&declared).unwrap_or_else(|| panic!("{} has no `{declared}`", source.path));
    let (fields, _) = source.block(at).expect("a struct with fields");
    let rule = "whoever can make one needs no permission; keep the fields private and the constructor `pub(super)`";
    let mut found = Vec::new();
    if fields.split(',').any(|field| field.trim_start().starts_with("pub")) {
        found.push(format!("{}: a field of {name} is public: {rule}", source.place(at)));
    }
    for at in source.word_names("new") {
        if source.before(at).ends_with("fn") && !source.before(at).ends_with("pub(super) fn") {
            found.push(format!("{}: `{name}::new` is not `pub(super)`: {rule}", source.place(at)));
        }
    }
    let derives = source.code[..at].rsplit("#[derive(").next().and_then(|text| text.split(')').next()).unwrap_or("");
    for forger in ["Default", "Deserialize", "Copy"] {
        if derives.contains(forger) {
            found.push(format!("{}: {name} derives {forger}: {rule}", source.place(at)));
        }
    }
    found
}

#[test]
fn every_fence_stops_its_bad_sample() {
    let samples = [
        (&AWS_SDK, "src/gate.rs", "use aws_sdk_sts::Client;"),
        (&AWS_SDK, "src/awsome.rs", "fn a() { aws_smithy_types::retry(); }"),
        (&TONIC, "src/ops/unlock.rs", "fn a() -> tonic::Status { todo() }"),
        (&TONIC, "src/app/check.rs", "use tonic_types as details;"),
        (&HTTP, "src/gate.rs", "use http::HeaderMap;"),
        (&CEDAR, "src/gate.rs", "use cedar_policy::{Authorizer, Decision};"),
        (&TOKENS, "src/authn/layer.rs", "fn a() { jsonwebtoken::decode(); }"),
        (&SQLX, "src/journal/writer.rs", "fn a() { sqlx::query(); }"),
        (&ENVIRONMENT, "src/telemetry.rs", "fn a() { std::env::var(); }"),
        (&FILES, "src/gate.rs", "use std::{fs, io};"),
        (&FILES, "src/rpc.rs", "fn a() { File::open(); }"),
        (&CLOCK, "src/journal.rs", "fn a() { let t = std::time::SystemTime::now(); }"),
        (&CLOCK, "src/gate.rs", "fn a() { OffsetDateTime::now_utc(); }"),
        (&ACT, "src/rpc.rs", "fn a() { O::act(permit, aws); }"),
        (&ACT, "src/rpc.rs", "fn a() { <O as Operation>::act(permit, aws); }"),
        (&AUTHORIZE, "src/ops/unlock.rs", "fn a() { engine.authorize(o, c, at); }"),
        (&PERMIT, "src/gate.rs", "fn a() { Permit::<O>::new(o, c); }"),
        (&CALLER, "src/rpc.rs", "fn a() { crate::authn::Caller::new(); }"),
        (&SIMULATOR, "src/app.rs", "use aws_root_simulator::World;"),
    ];
    for (fence, path, text) in samples {
        assert_eq!(violations(fence, &[Source::new(path, text)]).len(), 1, "{path}: {text}");
        let in_test = format!("#[cfg(test)]\nmod tests {{ {text} }}");
        assert!(violations(fence, &[Source::new(path, &in_test)]).is_empty(), "{path}: tests may");
        if let Some(place) = fence.inside.first() {
            let inside = format!("{}.rs", place.trim_end_matches(".rs"));
            assert!(violations(fence, &[Source::new(&inside, text)]).is_empty(), "{inside} may");
        }
    }
    for harmless in ["let env = env!();", "use crate::http::X;", "let x = self.http::<T>;", "// use tonic::Code;"] {
        for fence in [&AWS_SDK, &TONIC, &HTTP, &CEDAR, &SQLX] {
            assert!(violations(fence, &[Source::new("src/gate.rs", harmless)]).is_empty(), "{harmless}");
        }
    }
}

#[test]
fn a_public_constructor_is_found() {
    let good = "pub struct Permit<O> { operation: O }\nimpl<O> Permit<O> { pub(super) fn new() {} }";
    assert!(public_parts(&Source::new("a.rs", good), "Permit").is_empty());
    for bad in [
        good.replace("pub(super) fn", "pub fn"),
        good.replace("pub(super) fn", "pub(crate) fn"),
        good.replace("operation: O", "pub operation: O"),
        format!("#[derive(Debug, Default)]\n{good}"),
    ] {
        assert_eq!(public_parts(&Source::new("a.rs", &bad), "Permit").len(), 1, "{bad}");
    }
}
