//! `socket_mode` and `peer_uids`: who may connect to a Unix socket.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::ListenAddress;
use crate::config::{
    error::{Fault, Reported},
    table::Table,
    value::{integer_within, text_rule},
};

/// Who may connect to a Unix socket. Both must let them: the mode asks the file system, the user ids the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixConfig {
    /// Permission bits of the socket, such as `0o600`. Connecting needs write permission (unix(7)).
    pub socket_mode: u32,
    /// Effective user ids of processes that may connect (`SO_PEERCRED`); empty for the gateway's own.
    pub peer_uids: BTreeSet<u32>,
}

/// The gateway's own user alone.
const SOCKET_MODE: u32 = 0o600;
/// Without these the owner itself could not connect.
const SOCKET_MODE_MIN: u32 = 0o600;
/// Whoever can connect can write the header, so "others" never may; and nothing executes a socket.
const SOCKET_MODE_MAX: u32 = 0o660;
/// The kernel keeps the largest for "no user" (chown(2)).
const UID_MAX: u32 = u32::MAX - 1;

impl UnixConfig {
    pub(super) fn read(table: &Table<'_>, listen: Option<&ListenAddress>) -> Result<Option<Self>, Reported> {
        let socket_mode = table.optional("socket_mode", text_rule(socket_mode));
        let peer_uids = table.list("peer_uids", uid);
        match listen {
            Some(ListenAddress::Unix(_)) => {}
            Some(ListenAddress::Tcp(_)) => return refuse(table).map(|()| None),
            None => return Ok(None),
        }
        let (socket_mode, peer_uids) = (socket_mode?.unwrap_or(SOCKET_MODE), peer_uids?);
        let fault = Fault::new("must not be empty: nobody could connect", "leave it out for the gateway's own user id");
        table.check(peer_uids.as_ref().is_none_or(|uids| !uids.is_empty()), &["peer_uids"], fault)?;
        Ok(Some(Self { socket_mode, peer_uids: peer_uids.into_iter().flatten().collect() }))
    }
}

/// Neither key means anything on an IP address.
fn refuse(table: &Table<'_>) -> Result<(), Reported> {
    let check = |key| {
        let fault = Fault::new("is only for a Unix socket", r#"remove it, or write `listen = "unix:/run/NAME.sock"`"#);
        table.check(!table.has(key), &[key], fault)
    };
    let (mode, uids) = (check("socket_mode"), check("peer_uids"));
    mode.and(uids)
}

fn socket_mode(text: &str) -> Result<u32, Fault> {
    let octal = text.len() == 4 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    let mode = if octal { u32::from_str_radix(text, 8).ok() } else { None };
    mode.filter(|mode| mode & SOCKET_MODE_MIN == SOCKET_MODE_MIN && mode & !SOCKET_MODE_MAX == 0).ok_or_else(|| {
        Fault::new(
            "must be an octal mode from 0600 to 0660, with nothing for others: whoever connects can write the header",
            r#"write "0600", or "0660" and give the proxy and the gateway a group in common"#,
        )
    })
}

fn uid(value: &DeValue<'_>) -> Result<u32, Fault> {
    let fault = || Fault::new(format!("must be a user id from 0 to {UID_MAX}"), "look it up with `id -u USER`");
    integer_within(value, 0..=UID_MAX)?.ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_lets_the_owner_and_at_most_the_group_in() {
        for (text, mode) in [("0600", 0o600), ("0620", 0o620), ("0640", 0o640), ("0660", 0o660)] {
            assert_eq!(socket_mode(text).unwrap(), mode);
        }
        for bad in
            ["", "600", "0666", "0602", "0606", "0700", "0670", "0000", "0400", "0200", "1600", "00600", "0x18", "-600"]
        {
            assert!(socket_mode(bad).is_err(), "{bad:?}");
        }
    }
}
