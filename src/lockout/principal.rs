//! Whether a statement speaks of the account's administrators.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "AWS JSON policy elements: NotPrincipal".

use super::arn;
use super::json::{Node, Value};
use super::reach::{Reach, quote, texts};
use crate::types::AccountId;

/// Who of the account is meant by one principal.
enum Meant {
    Everybody,
    /// The account as a whole, by its id or by the ARN of its root user.
    Account,
    /// Somebody who may be of the account.
    Somebody,
    Nobody,
}

/// A principal and the words that it is written with.
struct Named<'n> {
    meant: Meant,
    text: &'n str,
}

/// How `Principal` reaches an administrator of `account`.
pub(super) fn only<'n>(node: &'n Node<'_>, account: &'n AccountId) -> Reach<'n> {
    let named = match named(node, account) {
        Ok(named) => named,
        Err(why) => return Reach::Unclear(format!("Principal {why}")),
    };
    let find = |wanted: fn(&Meant) -> bool| named.iter().find(|named| wanted(&named.meant));
    if find(|meant| matches!(meant, Meant::Everybody)).is_some() {
        Reach::Always("Principal \"*\" is everybody".into())
    } else if find(|meant| matches!(meant, Meant::Account)).is_some() {
        Reach::always(move || format!("Principal names the account {account} with all its users and roles"))
    } else if let Some(somebody) = find(|meant| matches!(meant, Meant::Somebody)) {
        let text = somebody.text;
        Reach::perhaps(move || format!("Principal names {}, who may be an administrator of the account", quote(text)))
    } else {
        Reach::never(move || format!("Principal names nobody of the account {account}"))
    }
}

/// How `NotPrincipal` reaches an administrator of `account`. An account in the list spares its root user only: "you
/// must also specify the account ARN of the not-denied principal", besides the principal itself.
pub(super) fn all_but<'n>(node: &'n Node<'_>, account: &'n AccountId) -> Reach<'n> {
    let named = match named(node, account) {
        Ok(named) => named,
        Err(why) => return Reach::Unclear(format!("NotPrincipal {why}")),
    };
    if named.iter().any(|named| matches!(named.meant, Meant::Everybody)) {
        return Reach::Never("NotPrincipal \"*\" spares everybody".into());
    }
    match named.iter().find(|named| !matches!(named.meant, Meant::Nobody)) {
        Some(&Named { text, .. }) => {
            Reach::perhaps(move || format!("NotPrincipal spares {} and denies all others", quote(text)))
        }
        None => Reach::always(move || format!("NotPrincipal spares nobody of the account {account}")),
    }
}

/// Everybody listed; the error is the rest of a sentence.
fn named<'n>(node: &'n Node<'_>, account: &AccountId) -> Result<Vec<Named<'n>>, String> {
    let types = match &node.value {
        Value::Text(text) if text == "*" => return Ok(vec![Named { meant: Meant::Everybody, text: "*" }]),
        Value::Object(types) if !types.is_empty() => types,
        _ => return Err("is neither \"*\" nor an object of principals by type".to_owned()),
    };
    let mut listed = Vec::new();
    for (kind, node) in types {
        let texts = texts(node).ok_or_else(|| format!("{} holds no string and no list of strings", quote(kind)))?;
        for text in texts {
            let meant = match kind.as_ref() {
                "AWS" => aws(text, account)?,
                "Service" => Meant::Nobody,
                // The canonical id of the account, and who its identity providers sign in, are not known here.
                "CanonicalUser" | "Federated" => Meant::Somebody,
                other => return Err(format!("has the unknown type {}", quote(other))),
            };
            listed.push(Named { meant, text });
        }
    }
    Ok(listed)
}

fn aws(text: &str, account: &AccountId) -> Result<Meant, String> {
    if text == "*" {
        return Ok(Meant::Everybody);
    }
    if let Ok(id) = text.parse::<AccountId>() {
        return Ok(if id == *account { Meant::Account } else { Meant::Nobody });
    }
    let Some(["arn", _, "iam" | "sts", "", owner, name]) = arn::parts(text) else {
        // AWS shows a user or role that was deleted by its unique id.
        return if is_unique_id(text) {
            Ok(Meant::Somebody)
        } else {
            Err(format!("holds {}, which is no principal", quote(text)))
        };
    };
    match owner.parse::<AccountId>() {
        Ok(owner) if owner != *account => Ok(Meant::Nobody),
        Ok(_) if name == "root" => Ok(Meant::Account),
        // `cloudfront` owns the origin access identities, which are no administrators.
        Err(_) if owner == "cloudfront" => Ok(Meant::Nobody),
        _ => Ok(Meant::Somebody),
    }
}

/// IAM User Guide, "IAM identifiers", "Unique identifiers".
pub(super) fn is_unique_id(text: &str) -> bool {
    text.starts_with('A')
        && (16..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
