//! What a service answers when it does not do what was asked.

/// An error of a service, before it is written in the service's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// The code as SDKs report it. For SQS this is the query-compatible one.
    pub(crate) code: String,
    /// The text.
    pub(crate) message: String,
    /// What few errors have; boxed, because every answer of a service can be an error.
    pub(crate) extra: Box<Extra>,
}

/// What only some errors have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// The name of the JSON shape, where it differs from the code (SQS).
    pub(crate) shape: Option<String>,
    /// More elements of an S3 error: `Endpoint`, `Bucket`, `Region`.
    pub(crate) details: Vec<(&'static str, String)>,
    /// More headers: `x-amz-bucket-region`.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The text is the whole body, of this content type: for faults that are no service's own error.
    pub(crate) raw: Option<&'static str>,
    /// There is no body at all.
    pub(crate) empty: bool,
    /// SQS without the header of the old query protocol, so that SDKs report the JSON shape's name as the code.
    pub(crate) plain_json: bool,
}

impl ApiError {
    /// An error.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), extra: Box::default() }
    }

    /// An answer that is in no service's protocol: text of this content type.
    pub(crate) fn raw(status: u16, content_type: &'static str, text: &str) -> Self {
        let mut error = Self::new(status, "", text);
        error.extra.raw = Some(content_type);
        error
    }

    /// The code that a client reads in the answer.
    pub(crate) fn code_as_read(&self) -> Option<&str> {
        let shape = self.extra.shape.as_deref().filter(|_| self.extra.plain_json);
        let name = |shape| str::rsplit_once(shape, '#').map_or(shape, |(_, name)| name);
        let code = shape.map_or(self.code.as_str(), name);
        Some(code).filter(|code| !code.is_empty() && !self.extra.empty)
    }

    /// With the name of the JSON shape.
    pub(crate) fn shape(mut self, shape: &str) -> Self {
        self.extra.shape = Some(shape.to_owned());
        self
    }

    /// With one more element.
    pub(crate) fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.details.push((name, value.into()));
        self
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.headers.push((name, value.into()));
        self
    }

    /// STS and IAM: constraints that the request does not meet, in AWS's own sentence.
    pub(crate) fn validation(failures: &[String]) -> Self {
        let noun = if failures.len() == 1 { "error" } else { "errors" };
        let text = format!("{} validation {noun} detected: {}", failures.len(), failures.join("; "));
        Self::new(400, "ValidationError", text)
    }

    /// An operation that AWS has and the simulator does not.
    pub(crate) fn not_simulated(service: &str, action: &str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            format!("aws-root-simulator does not simulate {service}:{action}. See its README for what it does."),
        )
    }
}
