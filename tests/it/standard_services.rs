//! Health, per service name. Reflection is tested with grpcurl and buf, its real users.

use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::harness::{OPERATOR, World};

async fn status(world: &World, service: &str) -> Result<ServingStatus, Code> {
    let mut health = HealthClient::new(world.as_caller(OPERATOR).await.channel);
    let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn health_tells_what_is_served() {
    let world = World::start().await;
    assert_eq!(status(&world, "").await, Ok(ServingStatus::Serving));
    assert_eq!(status(&world, "rootgate.v1.RootAccessService").await, Ok(ServingStatus::Serving));
    assert_eq!(status(&world, "rootgate.v1.ApprovalService").await, Ok(ServingStatus::NotServing));
    assert_eq!(status(&world, "rootgate.v1.JournalService").await, Ok(ServingStatus::Serving));
    assert_eq!(status(&world, "rootgate.v1.Nothing").await, Err(Code::NotFound));
}
