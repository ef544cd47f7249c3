//! `[listeners.NAME]`: where the gateway listens, and by which schemes callers prove there who they are.

mod address;
mod tls;
mod unix;

pub use address::ListenAddress;
pub use tls::{ClientCertificate, TlsConfig, TlsMaterial};
pub use unix::UnixConfig;

use std::collections::BTreeSet;

use super::{
    error::{Fault, Reported},
    table::Table,
    value::{name, text_rule},
};
use crate::types::Scheme;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name, in policies, journal and log.
    pub name: String,
    /// Where it listens.
    pub listen: ListenAddress,
    /// The schemes that it believes. Not empty, each configured in `[authentication]`.
    pub schemes: BTreeSet<Scheme>,
    /// TLS. None only with the scheme `mesh`.
    pub tls: Option<TlsConfig>,
    /// Who may connect to a Unix socket; none for an IP address.
    pub unix: Option<UnixConfig>,
}

/// One for each way in that an organization has; more is a mistake, and each costs a socket and its limits.
const LISTENERS_MAX: usize = 16;
/// How to write the least of a listener.
pub(super) const LISTENER_FIX: &str =
    r#"add [listeners.main] with `listen = "127.0.0.1:8443"` and `schemes = ["mtls"]`, and [listeners.main.tls]"#;

/// The listeners, by name. `configured` are the schemes that `[authentication]` has; none if there is no such section,
/// which is reported elsewhere.
pub(super) fn read(table: &Table<'_>, configured: Option<&BTreeSet<Scheme>>) -> Result<Vec<ListenerConfig>, Reported> {
    let mut addresses: Vec<ListenAddress> = Vec::new();
    let listeners = table.sections(name, |name, table| {
        let listener = ListenerConfig::read(name, table, configured, &addresses);
        addresses.extend(listener.as_ref().ok().map(|listener| listener.listen.clone()));
        listener
    })?;
    match listeners.len() {
        0 => Err(table.report(Fault::new("must hold a listener: nobody could call", LISTENER_FIX))),
        1..=LISTENERS_MAX => Ok(listeners),
        _ => Err(table.report(Fault::new(format!("must hold at most {LISTENERS_MAX} listeners"), "remove some"))),
    }
}

impl ListenerConfig {
    fn read(
        name: &str,
        table: &Table<'_>,
        configured: Option<&BTreeSet<Scheme>>,
        others: &[ListenAddress],
    ) -> Result<Self, Reported> {
        let listen = ListenAddress::read(table, others);
        let schemes = read_schemes(table, configured);
        let tls = table.optional_section("tls", |tls| TlsConfig::read(tls, schemes.as_ref().map_err(|r| *r)));
        let unix = UnixConfig::read(table, listen.as_ref().ok());
        let (listen, schemes) = (listen?, schemes?);
        let agreed = [check_mesh(table, &listen, &schemes), check_tls(table, &listen, &schemes)];
        agreed.into_iter().collect::<Result<(), Reported>>()?;
        Ok(Self { name: name.to_owned(), listen, schemes, tls: tls?, unix: unix? })
    }
}

fn read_schemes(table: &Table<'_>, configured: Option<&BTreeSet<Scheme>>) -> Result<BTreeSet<Scheme>, Reported> {
    const FIX: &str = r#"write `schemes = ["mtls"]`"#;
    let schemes = table.required_list("schemes", FIX, text_rule(|text| scheme(text, configured)))?;
    if schemes.is_empty() {
        return Err(table.report_at("schemes", Fault::new("must not be empty: nobody could call", FIX)));
    }
    Ok(schemes.into_iter().collect())
}

fn scheme(text: &str, configured: Option<&BTreeSet<Scheme>>) -> Result<Scheme, Fault> {
    let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == text);
    let scheme = scheme.ok_or_else(|| Fault::new("must be mtls, jwt, mesh or aws_iam", r#"write "mtls""#))?;
    if configured.is_some_and(|configured| !configured.contains(&scheme)) {
        return Err(Fault::new(
            format!("must be configured: there is no [authentication.{scheme}]"),
            format!("add [authentication.{scheme}], or take {scheme} off the list"),
        ));
    }
    Ok(scheme)
}

/// The header of a mesh is worth what the way to the listener is worth.
fn check_mesh(table: &Table<'_>, listen: &ListenAddress, schemes: &BTreeSet<Scheme>) -> Result<(), Reported> {
    if !schemes.contains(&Scheme::Mesh) {
        return Ok(());
    }
    let alone = table.check(
        schemes.len() == 1,
        &["schemes"],
        Fault::new(
            "mesh must be alone: its listener is for the proxy, and every other caller for a listener without it",
            r#"write `schemes = ["mesh"]`, and a listener of their own for the others"#,
        ),
    );
    let local = table.check(
        listen.is_local(),
        &["listen"],
        Fault::new(
            "must be a Unix socket or a loopback address with scheme mesh: anybody who reaches the listener can write the header",
            r#"write "unix:/run/rootgate/sidecar.sock" or "127.0.0.1:8080", and let the proxy connect there"#,
        ),
    );
    alone.and(local)
}

/// TLS wherever something else than the kernel carries what proves a caller.
fn check_tls(table: &Table<'_>, listen: &ListenAddress, schemes: &BTreeSet<Scheme>) -> Result<(), Reported> {
    let mesh = schemes.contains(&Scheme::Mesh);
    if matches!(listen, ListenAddress::Tcp(_)) {
        return table.check(
            mesh || table.has("tls"),
            &["tls"],
            Fault::new(
                "is required: without TLS, whoever is on the way could be every caller",
                format!("add [{}] with certificate and private_key", table.path("tls")),
            ),
        );
    }
    let no_tls = table.check(
        !table.has("tls"),
        &["tls"],
        Fault::new(
            "must not be there on a Unix socket: no network carries it, and the kernel says who connects",
            "remove the section, or listen on an IP address and a port",
        ),
    );
    let only_mesh = table.check(
        mesh,
        &["schemes"],
        Fault::new(
            "only mesh works on a Unix socket: the others prove callers over TLS",
            r#"write `schemes = ["mesh"]`, or listen on an IP address and a port"#,
        ),
    );
    no_tls.and(only_mesh)
}
