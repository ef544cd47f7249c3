//! The evaluator against what AWS documents, told as scenes: a caller, what it does, and the policies in force.

mod flow;
mod operators;
mod parsing;
mod principals;
mod properties;
mod root_tasks;
mod values;

use super::{Caller, CallerKind, Context, Decision, DeniedBy, Document, Policies, Request, authorize};

const HOME: &str = "111122223333";
const AWAY: &str = "444455556666";
const BUCKET: &str = "arn:aws:s3:::vault";
const OBJECT: &str = "arn:aws:s3:::vault/secret.txt";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/Auditor";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Auditor/alice";
const USER: &str = "arn:aws:iam::111122223333:user/bob";

const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// One request and the policies around it; reads as a sentence: `Scene::of(root_session()).does("s3:GetObject",
/// OBJECT)`.
#[derive(Clone)]
struct Scene {
    caller: Caller,
    action: String,
    resource: String,
    owner: String,
    context: Context,
    identity: Vec<Document>,
    boundary: Option<Document>,
    session: Vec<Document>,
    policy: Option<Document>,
    scps: Vec<Vec<Document>>,
    rcps: Vec<Vec<Document>>,
}

impl Scene {
    fn of(caller: Caller) -> Self {
        let mut context = Context::new();
        let arn = match &caller.kind {
            CallerKind::RoleSession { role_arn } => role_arn.clone(),
            _ => caller.arn.clone(),
        };
        context
            .set("aws:PrincipalArn", arn)
            .set("aws:PrincipalAccount", &caller.account)
            .set("aws:ResourceAccount", HOME);
        if caller.kind == CallerKind::RootSession {
            context.set("aws:AssumedRoot", "true");
        }
        Self {
            caller,
            action: "s3:GetObject".to_owned(),
            resource: OBJECT.to_owned(),
            owner: HOME.to_owned(),
            context,
            identity: Vec::new(),
            boundary: None,
            session: Vec::new(),
            policy: None,
            scps: Vec::new(),
            rcps: Vec::new(),
        }
    }

    fn does(mut self, action: &str, resource: &str) -> Self {
        self.action = action.to_owned();
        self.resource = resource.to_owned();
        self
    }

    fn in_account(mut self, owner: &str) -> Self {
        self.owner = owner.to_owned();
        self.context.set("aws:ResourceAccount", owner);
        self
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.context.set(key, value);
        self
    }

    fn with_all(mut self, key: &str, values: &[&str]) -> Self {
        self.context.set_many(key, values.iter().map(|value| (*value).to_owned()).collect());
        self
    }

    fn has(self, key: &str, values: &[&str]) -> Self {
        match values {
            [value] => self.with(key, value),
            values => self.with_all(key, values),
        }
    }

    fn identity(mut self, json: &str) -> Self {
        self.identity.push(document(json));
        self
    }

    fn boundary(mut self, json: &str) -> Self {
        self.boundary = Some(document(json));
        self
    }

    fn session(mut self, json: &str) -> Self {
        self.session.push(document(json));
        self
    }

    fn policy(mut self, json: &str) -> Self {
        self.policy = Some(document(json));
        self
    }

    fn scps(mut self, levels: &[&[&str]]) -> Self {
        self.scps = levels.iter().map(|level| level.iter().map(|json| document(json)).collect()).collect();
        self
    }

    fn rcps(mut self, levels: &[&[&str]]) -> Self {
        self.rcps = levels.iter().map(|level| level.iter().map(|json| document(json)).collect()).collect();
        self
    }

    fn decide(&self) -> Decision {
        let request = Request {
            caller: &self.caller,
            action: &self.action,
            resource: &self.resource,
            resource_account: &self.owner,
            context: &self.context,
        };
        let policies = Policies {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &self.session,
            resource: self.policy.as_ref(),
            scps: &self.scps,
            rcps: &self.rcps,
        };
        authorize(&request, &policies)
    }

    #[track_caller]
    fn is_allowed(&self) {
        assert_eq!(self.decide(), Decision::Allowed, "{} on {}", self.action, self.resource);
    }

    #[track_caller]
    fn is_denied_by(&self, by: DeniedBy) {
        assert_eq!(self.decide(), Decision::Denied(by), "{} on {}", self.action, self.resource);
    }
}

#[track_caller]
fn document(json: &str) -> Document {
    Document::parse(json).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

fn caller(arn: &str, kind: CallerKind) -> Caller {
    Caller { arn: arn.to_owned(), account: HOME.to_owned(), kind }
}

fn root_user() -> Caller {
    caller(ROOT, CallerKind::RootUser)
}

fn root_session() -> Caller {
    caller(ROOT, CallerKind::RootSession)
}

fn user() -> Caller {
    caller(USER, CallerKind::User)
}

fn role_session() -> Caller {
    caller(SESSION, CallerKind::RoleSession { role_arn: ROLE.to_owned() })
}

/// A statement of the current version: `statement("Allow", r#""Action":"s3:*","Resource":"*""#)`.
fn statement(effect: &str, rest: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}",{rest}}}]}}"#)
}

/// A statement of a resource policy on the bucket and everything in it, for one `AWS` principal.
fn grant(effect: &str, principal: &str) -> String {
    statement(
        effect,
        &format!(r#""Principal":{{"AWS":"{principal}"}},"Action":"s3:*","Resource":["{BUCKET}","{BUCKET}/*"]"#),
    )
}
