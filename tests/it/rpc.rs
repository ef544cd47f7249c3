//! One file per RPC.

mod allow_password_recovery;
mod assume_root;
mod audit_root_credentials;
mod delete_root_credentials;
mod explain_access;
mod get_checkpoint;
mod list_policy_backups;
mod list_records;
mod restore_policy;
mod unlock_bucket_policy;
mod unlock_modes;
mod unlock_queue_policy;
mod unserved;
