//! The way of a request: which service and operation, who calls, which fault, what answer, and the log.

mod operation;

use self::operation::Operation;
use crate::authn::{Refusal, authenticate};
use crate::call::Call;
use crate::clock;
use crate::cloudtrail::Draft;
use crate::crypto;
use crate::error::ApiError;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::message::Message;
use crate::protocol::{self, Format, Reply};
use crate::service::{HOME_REGION, Service};
use crate::sigv4::{Malformed, Signed, guess_service};
use crate::state::State;
use crate::turn::Turn;

/// What goes back over the connection.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// This.
    Reply(Reply),
    /// Nothing: the connection is closed.
    Closed,
}

/// Answers one request.
pub(crate) async fn dispatch(state: &State, message: &Message) -> Delivery {
    let started = state.tick();
    let signed = Signed::read(message);
    let (service, mut call) = open(message, signed.as_ref().ok());
    call.started = started;
    let Some(service) = service else {
        let error = ApiError::not_simulated(&call.service, "*");
        return close(state, call, Format::of(Service::S3, message), Err(error));
    };
    let format = Format::of(service, message);
    let operation = match Operation::read(service, message) {
        Ok(operation) => operation,
        Err(error) => return close(state, call, format, Err(error)),
    };
    operation.action().clone_into(&mut call.action);
    call.mutating = service.is_mutating(operation.action());
    let caller = match identify(state, message, signed, service) {
        Ok(caller) => caller,
        Err(refusal) => return close(state, call, format, Err(refusal.error(service))),
    };
    note_caller(&mut call, &caller);
    let mut draft = Draft::begin(&state.world(), &caller, message, (service, &call), operation.logged());
    let fault = state.faults().take(service.name(), operation.action());
    if let Some(fault) = &fault {
        call.fault = Some(fault.label());
        tokio::time::sleep(fault.wait()).await;
        if fault.drops_connection() {
            call.ended = Some(state.tick());
            state.log(call);
            return Delivery::Closed;
        }
    }
    if fault.as_ref().is_some_and(Fault::expires_session) {
        state.world().expire_session(&caller.access_key_id);
    }
    let answer = match fault.as_ref().and_then(|fault| fault.refusal(service)) {
        Some(error) => Err(error),
        None => act(state, (message, &caller), &operation, (&mut call, fault.as_ref()), draft.as_mut()),
    };
    let held = fault.as_ref().map(Fault::wait_to_reply).filter(|wait| !wait.is_zero());
    let (index, delivery) = finish(state, (call, draft), format, answer, fault.as_ref());
    if let Some(wait) = held {
        tokio::time::sleep(wait).await;
        let ended = state.tick();
        state.calls().end(index, ended);
    }
    delivery
}

/// What is known before anything is believed.
fn open(message: &Message, signed: Option<&Signed>) -> (Option<Service>, Call) {
    let service = match signed {
        Some(signed) => Service::from_scope(&signed.service),
        None => Some(guess_service(message)),
    };
    let region = signed.map_or("", |signed| signed.region.as_str());
    let named = service.map(Service::name).or(signed.map(|signed| signed.service.as_str()));
    let call = Call {
        time: clock::iso(clock::now()),
        service: named.unwrap_or_default().to_owned(),
        region: if message.global { "aws-global" } else { region }.to_owned(),
        access_key_id: signed.map(|signed| signed.access_key_id.clone()),
        request_id: if service == Some(Service::S3) { crypto::s3_request_id() } else { crypto::request_id() },
        // Some SDKs say more about themselves in their own header, such as the application's name.
        user_agent: message.header("x-amz-user-agent").or(message.header("user-agent")).map(str::to_owned),
        ..Call::default()
    };
    (service, call)
}

fn identify(
    state: &State,
    message: &Message,
    signed: Result<Signed, Malformed>,
    service: Service,
) -> Result<Identity, Refusal> {
    let signed = signed?;
    if message.global && service != Service::Sts {
        return Err(Refusal::WrongScope("Credential should be scoped to correct service: 'sts'. ".to_owned()));
    }
    authenticate(&state.world(), message, &signed, service, clock::now())
}

fn note_caller(call: &mut Call, caller: &Identity) {
    call.caller_arn = Some(caller.caller.arn.clone());
    call.caller_account = Some(caller.caller.account.clone());
    call.source_identity.clone_from(&caller.source_identity);
}

fn act(
    state: &State,
    (message, caller): (&Message, &Identity),
    operation: &Operation,
    (call, fault): (&mut Call, Option<&Fault>),
    draft: Option<&mut Draft>,
) -> Result<Reply, ApiError> {
    let mut world = state.world();
    let slow_to_show = fault.and_then(Fault::reads_before_change).unwrap_or(world.settings.queue_stale_reads);
    let global = message.global || operation.service().is_global();
    let region = if global { HOME_REGION } else { &call.region };
    let mut turn = Turn { world: &mut world, caller, message, region, now: clock::now(), target: None, slow_to_show };
    let answer = operation.act(&mut turn, &call.request_id);
    call.target = turn.target;
    // The world was locked since before the call, so the last session is the one that it issued.
    if let (Some(draft), Ok(_), "AssumeRoot" | "AssumeRole") = (draft, &answer, operation.action())
        && let Some(session) = world.sessions.last()
    {
        draft.issued(session);
    }
    answer
}

/// Ends a call that no fault touches.
fn close(state: &State, call: Call, format: Format, answer: Result<Reply, ApiError>) -> Delivery {
    finish(state, (call, None), format, answer, None).1
}

/// Writes the answer and logs the call. A call whose answer a fault holds back is logged at once, without its end.
fn finish(
    state: &State,
    (mut call, mut draft): (Call, Option<Draft>),
    format: Format,
    answer: Result<Reply, ApiError>,
    fault: Option<&Fault>,
) -> (u64, Delivery) {
    let reply = match answer {
        Ok(reply) => reply,
        Err(error) => {
            let error = match fault {
                Some(fault) => fault.alter(error),
                None => error,
            };
            call.error_code = error.code_as_read().map(str::to_owned);
            if let Some(draft) = &mut draft {
                draft.refused(&error.message);
            }
            protocol::error(format, &error, &call.request_id)
        }
    };
    call.status = reply.status;
    call.delivered = !fault.is_some_and(Fault::loses_reply);
    let reply = protocol::with_request_id(format.service, reply, &call.request_id);
    let delivered = call.delivered;
    call.ended = fault.is_none_or(|fault| fault.wait_to_reply().is_zero()).then(|| state.tick());
    if let Some(draft) = draft {
        state.trail().push(draft.finish(&call));
    }
    let index = state.log(call);
    (index, if delivered { Delivery::Reply(reply) } else { Delivery::Closed })
}
