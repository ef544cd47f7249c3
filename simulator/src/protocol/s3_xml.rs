//! REST-XML as S3 writes it.

use super::{Reply, Xml};
use crate::error::ApiError;

/// A document of S3's own namespace.
pub(crate) fn document(root: &str, inside: impl FnOnce(&mut Xml)) -> Reply {
    let mut xml = Xml::new();
    xml.element(&format!("{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""), inside);
    Reply::new(200, "application/xml", xml.document())
}

/// An error.
pub(crate) fn error(error: &ApiError, request_id: &str) -> Reply {
    let mut xml = Xml::new();
    xml.element("Error", |xml| {
        xml.text("Code", &error.code).text("Message", &error.message);
        for (name, value) in &error.extra.details {
            xml.text(name, value);
        }
        xml.text("RequestId", request_id).text("HostId", &crate::crypto::sha256_hex(request_id.as_bytes()));
    });
    Reply::new(error.status, "application/xml", xml.document())
}
