//! The services behind the stack.

use std::{sync::Arc, time::Duration};

use tonic::service::Routes;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_reflection::server::Builder as Reflection;

use crate::{
    clock::Clock,
    config::Config,
    gate::Gate,
    ops::SessionDuration,
    pb::{
        FILE_DESCRIPTOR_SET, approval_service_server::ApprovalServiceServer,
        journal_service_server::JournalServiceServer, policy_service_server::PolicyServiceServer,
        root_access_service_server::RootAccessServiceServer,
    },
    rpc::{Journal, Policy, RootAccess, SessionDurations, Unserved},
};

pub(super) fn build(
    config: &Config,
    gate: &Arc<Gate>,
    clock: Arc<dyn Clock>,
    health: HealthServer<impl HealthService>,
) -> Routes {
    let message_bytes_max = config.server.limits.message_bytes_max;
    let durations = session_durations(config);
    let root_access = RootAccess::new(Arc::clone(gate), durations);
    let policy = Policy::new(Arc::clone(gate), durations, clock);
    let journal = Journal::new(Arc::clone(gate));
    let unserved = Unserved::new(Arc::clone(gate));
    let routes = Routes::new(RootAccessServiceServer::new(root_access).max_decoding_message_size(message_bytes_max))
        .add_service(PolicyServiceServer::new(policy).max_decoding_message_size(message_bytes_max))
        .add_service(ApprovalServiceServer::new(unserved).max_decoding_message_size(message_bytes_max))
        .add_service(JournalServiceServer::new(journal).max_decoding_message_size(message_bytes_max))
        .add_service(health);
    if config.server.reflection { with_reflection(routes) } else { routes }
}

/// Reflection in both versions: grpcurl asks for v1alpha, buf for v1. What cannot be built is left out and said; nothing
/// that acts depends on it.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "reflection cannot be served");
            routes
        }
    }
}

fn session_durations(config: &Config) -> SessionDurations {
    // The configuration holds whole seconds within the limits of AWS, so both parse; the least that AWS accepts is the
    // safe answer if that ever changed.
    let parse = |duration: Duration| SessionDuration::try_from(duration).unwrap_or(SessionDuration::MIN);
    SessionDurations {
        default: parse(config.aws.session_duration_default),
        max: parse(config.aws.session_duration_max),
    }
}
