//! MFA devices and signing certificates of the root user.

use super::{Answer, Subject, listing, no_such, paged, subject};
use crate::clock::iso;
use crate::protocol::query::Params;
use crate::turn::Turn;

pub(super) fn list_devices(turn: &Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "ListMFADevices", params)?;
    let root = turn.world.account(turn.account()).map(|account| &account.root).filter(|_| subject == Subject::Root);
    let page = paged(turn, params, root.map(|root| root.mfa_devices.clone()).unwrap_or_default())?;
    Ok(Some(listing(&page, "MFADevices", |xml, device| {
        xml.text("SerialNumber", &device.serial_number).text("EnableDate", &iso(device.enabled));
    })))
}

pub(super) fn deactivate(turn: &mut Turn<'_>, params: &Params) -> Answer {
    let serial = params.require("SerialNumber")?;
    let subject = subject(turn, "DeactivateMFADevice", params)?;
    let account = turn.account().to_owned();
    let devices = turn.world.account_mut(&account).map(|account| &mut account.root.mfa_devices);
    let position =
        devices.as_ref().and_then(|devices| devices.iter().position(|device| device.serial_number == serial));
    match (subject, devices, position) {
        (Subject::Root, Some(devices), Some(position)) => {
            devices.remove(position);
            Ok(None)
        }
        (subject, ..) => {
            let name = if let Subject::User(name) = subject { name } else { "null".to_owned() };
            Err(no_such(format!("MFA Device with serial number {serial} does not exist for user {name}.")))
        }
    }
}

pub(super) fn list_certificates(turn: &Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "ListSigningCertificates", params)?;
    let root = turn.world.account(turn.account()).map(|account| &account.root).filter(|_| subject == Subject::Root);
    let page = paged(turn, params, root.map(|root| root.signing_certificates.clone()).unwrap_or_default())?;
    Ok(Some(listing(&page, "Certificates", |xml, certificate| {
        xml.text("CertificateId", &certificate.id)
            .text("CertificateBody", "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----")
            .text("Status", certificate.status.name())
            .text("UploadDate", &iso(certificate.uploaded));
    })))
}

pub(super) fn delete_certificate(turn: &mut Turn<'_>, params: &Params) -> Answer {
    let id = params.require("CertificateId")?;
    let subject = subject(turn, "DeleteSigningCertificate", params)?;
    let account = turn.account().to_owned();
    let certificates = turn.world.account_mut(&account).map(|account| &mut account.root.signing_certificates);
    let position = certificates.as_ref().and_then(|all| all.iter().position(|certificate| certificate.id == id));
    match (subject, certificates, position) {
        (Subject::Root, Some(certificates), Some(position)) => {
            certificates.remove(position);
            Ok(None)
        }
        _ => Err(no_such(format!("The Certificate with id {id} cannot be found."))),
    }
}
