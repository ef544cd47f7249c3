//! Whom `Principal` names, each by itself.

use super::Grantee;
use crate::lockout::arn;
use crate::lockout::json::{Node, Value};
use crate::lockout::principal::is_unique_id;
use crate::lockout::reach::quote;

/// The longest DNS name, RFC 1035 section 2.3.4.
const SERVICE_LENGTH_MAX: usize = 253;

/// Somebody whom a principal stands for, before any condition.
pub(super) struct Named {
    pub(super) grantee: Grantee,
    pub(super) why: String,
}

/// Everybody in the element; what is no principal is [`Grantee::Elsewhere`].
pub(super) fn named(node: &Node<'_>) -> Vec<Named> {
    match &node.value {
        Value::Text(text) if text == "*" => vec![anyone()],
        Value::Object(types) if !types.is_empty() => {
            types.iter().flat_map(|(kind, node)| of_type(kind, node)).collect()
        }
        _ => vec![unplaced("Principal is neither \"*\" nor an object of principals by type".to_owned())],
    }
}

fn of_type(kind: &str, node: &Node<'_>) -> Vec<Named> {
    let listed = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let one = |node: &Node<'_>| match &node.value {
        // Not every type takes it; where one does, it is everybody.
        Value::Text(text) if text == "*" => anyone(),
        Value::Text(text) if kind == "AWS" => aws(text),
        Value::Text(text) if kind == "Service" => service(text),
        Value::Text(text) => unplaced(format!("Principal {} {}", quote(kind), quote(text))),
        _ => unplaced(format!("Principal {} holds what is no string", quote(kind))),
    };
    if listed.is_empty() {
        vec![unplaced(format!("Principal {} is empty", quote(kind)))]
    } else {
        listed.iter().map(one).collect()
    }
}

fn aws(text: &str) -> Named {
    let why = format!("Principal names {}", quote(text));
    if let Ok(account) = text.parse() {
        return Named { grantee: Grantee::Account(account), why };
    }
    match arn::parts(text) {
        Some(["arn", _, "iam" | "sts", "", owner, _]) => match owner.parse() {
            Ok(account) => Named { grantee: Grantee::Account(account), why },
            // AWS takes no wildcard in the place of an account; if it did, any account would be meant.
            Err(_) if owner.contains(['*', '?']) => Named { grantee: Grantee::Public, why },
            // `cloudfront` owns the origin access identities, whosever distribution they serve.
            Err(_) => unplaced(why),
        },
        // AWS shows a user or role that was deleted by its unique id.
        _ if is_unique_id(text) => unplaced(format!("{why}, a unique id")),
        _ if text.contains(['*', '?']) => Named { grantee: Grantee::Public, why },
        _ => unplaced(format!("{why}, which is no principal")),
    }
}

fn service(text: &str) -> Named {
    let why = format!("Principal names the service {}", quote(text));
    if is_service(text) { Named { grantee: Grantee::Service(text.to_owned()), why } } else { unplaced(why) }
}

/// Whether a text looks like a service principal: a DNS name.
pub(super) fn is_service(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !text.is_empty() && text.len() <= SERVICE_LENGTH_MAX && text.bytes().all(plain)
}

fn anyone() -> Named {
    Named { grantee: Grantee::Public, why: "Principal \"*\" is everybody".to_owned() }
}

fn unplaced(why: String) -> Named {
    Named { grantee: Grantee::Elsewhere(why.clone()), why }
}
