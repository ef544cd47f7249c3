//! Layers around every request, one file each. None of them knows any policy; `edge/stack.rs` says their order.

mod catch_panic;
mod request_id;
mod span;

pub use catch_panic::{PanicLayer, panic_guard};
pub use request_id::{RequestId, RequestIdLayer, RequestIdService};
pub(crate) use span::ProvenCaller;
pub use span::{SpanLayer, SpanService};
