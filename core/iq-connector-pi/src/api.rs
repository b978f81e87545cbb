//! Asking PI Web API: single requests, many in one (batch), patience with a busy server, and the
//! offset of its clock as its answers tell it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use iq_connector::{ConnectorContext, OtLoad};
use iq_domain::{Clock, CodedError, ErrorKind, neutralise};
use iq_http::{HttpClient, JsonLimits, Request, Response, parse_json};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    config::Settings,
    time::Ticks,
    wire::{BatchAnswer, BatchPart, Fallible, error_text},
};

/// Most requests put into one batch.
const BATCH: usize = 50;
/// How often a busy server is asked again before the attempt counts as failed.
const PATIENCE: u32 = 3;
/// Pause when a busy server names none; it doubles.
const PAUSE: Duration = Duration::from_secs(2);

/// What to read: a path below the base address and its query.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    path: String,
    query: Vec<(String, String)>,
    items: usize,
}

impl Resource {
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            items: 1,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// How many streams it is about.
    pub(crate) fn items(mut self, items: usize) -> Self {
        self.items = items;
        self
    }
}

/// Why one resource could not be read while the server as such answers.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Status; 200 when the answer broke in the middle.
    pub(crate) status: u16,
    /// What the server says.
    pub(crate) detail: String,
    /// As a coded error.
    pub(crate) error: CodedError,
}

/// What a resource gave.
pub(crate) type Answer<T> = Result<T, Failure>;

/// Whether an error is about what came, not about the way it came: asking for less may help.
fn is_about_content(code: &str) -> bool {
    code == "http.body_too_large"
}

/// An answer that can't be used, of a server that answers.
fn unusable(error: CodedError) -> Failure {
    Failure {
        status: 200,
        detail: error.code.to_owned(),
        error,
    }
}

/// The bounds within which the server's clock is ahead of ours, as its answers tell.
#[derive(Debug, Default)]
struct Offset {
    bounds: Option<(i64, i64)>,
}

impl Offset {
    /// An answer sent at some moment of the second `date`, between our `sent` and `received`.
    fn learn(&mut self, date: i64, sent: i64, received: i64) {
        let (low, high) = (date - received, date + 1_000 - sent);
        self.bounds = match self.bounds {
            // Bounds that exclude each other: a clock was set meanwhile.
            Some((l, h)) if low.max(l) <= high.min(h) => Some((low.max(l), high.min(h))),
            _ => Some((low, high)),
        };
    }

    /// Best estimate and how far it may be off.
    fn estimate(&self) -> Option<(i64, i64)> {
        self.bounds.map(|(l, h)| (i64::midpoint(l, h), (h - l) / 2))
    }
}

/// The server. Clones share everything.
#[derive(Clone)]
pub(crate) struct Api {
    client: HttpClient,
    clock: Arc<dyn Clock>,
    offset: Arc<Mutex<Offset>>,
    no_batch: Arc<AtomicBool>,
    /// Most values the server hands out per stream, where it told a limit below ours.
    max_count: Arc<AtomicUsize>,
    is_patient: bool,
}

impl Api {
    /// Prepares the way; nothing is sent yet. A patient one waits for a busy server, an impatient one
    /// answers a person at once.
    pub(crate) fn new(
        ctx: &ConnectorContext,
        settings: &Settings,
        is_patient: bool,
    ) -> Result<Self, CodedError> {
        Ok(Self {
            client: HttpClient::new(settings.http.clone())?,
            clock: Arc::clone(&ctx.clock),
            offset: Arc::default(),
            no_batch: Arc::default(),
            max_count: Arc::new(AtomicUsize::new(usize::MAX)),
            is_patient,
        })
    }

    pub(crate) fn client(&self) -> &HttpClient {
        &self.client
    }

    pub(crate) fn host(&self) -> &str {
        self.client.origin().host()
    }

    /// Offset of the server's clock and its uncertainty, in milliseconds.
    pub(crate) fn clock_offset(&self) -> Option<(i64, i64)> {
        self.offset.lock().estimate()
    }

    /// The server's present, as well as it is known.
    pub(crate) fn server_now(&self) -> Ticks {
        let offset = self.clock_offset().map_or(0, |(offset, _)| offset);
        let now = self.clock.now();
        Ticks::of(iq_domain::Timestamp(now.millis().saturating_add(offset)))
    }

    pub(crate) fn load(&self) -> OtLoad {
        let (requests_per_s, items_per_request) = self.client.budget().load();
        OtLoad {
            requests_per_s,
            items_per_request,
            ..OtLoad::default()
        }
    }

    /// The number of values per stream to ask for, given the wanted one.
    pub(crate) fn capped(&self, wanted: usize) -> usize {
        wanted.min(self.max_count.load(Ordering::Relaxed)).max(1)
    }

    /// Learns from a refusal that named a limit; whether it did.
    pub(crate) fn learn_limit(&self, failure: &Failure, asked: usize) -> bool {
        let named = failure.detail.to_ascii_lowercase();
        if failure.status != 400 || !named.contains("maximum allowed") || asked <= 1 {
            return false;
        }
        let number: String = named
            .rsplit('(')
            .next()
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        // The limit is one for the whole answer, so the share of a stream is halved until it fits.
        let told = number.parse().unwrap_or(usize::MAX);
        let limit = (asked / 2).min(told).max(1);
        self.max_count.store(limit, Ordering::Relaxed);
        true
    }

    /// Sends a request, again and again while the server is busy, as far as patience goes.
    async fn send(&self, request: Request) -> Result<Response, CodedError> {
        let mut pause = PAUSE;
        let mut attempt = 0;
        loop {
            let sent = self.clock.now().millis();
            let response = self.client.send(request.clone()).await?;
            if let Some(date) = response.date_ms() {
                // Waiting for the budget and reading the body do not count.
                let received = self.clock.now().millis();
                self.offset.lock().learn(date, sent, received);
            }
            let is_busy = matches!(response.status, 429 | 503);
            attempt += 1;
            if !is_busy || !self.is_patient || attempt > PATIENCE {
                return Ok(response);
            }
            let budget = self.client.budget();
            budget.pause(response.retry_after().unwrap_or(pause));
            pause *= 2;
        }
    }

    /// Reads one resource; whatever goes wrong is an error.
    pub(crate) async fn get<T>(&self, resource: Resource) -> Result<T, CodedError>
    where
        T: DeserializeOwned + Fallible,
    {
        self.try_get(resource).await?.map_err(|f| f.error)
    }

    /// Reads one resource; a failure that is about the resource alone stays inside.
    pub(crate) async fn try_get<T>(&self, resource: Resource) -> Result<Answer<T>, CodedError>
    where
        T: DeserializeOwned + Fallible,
    {
        let mut request = Request::get(resource.path).items(resource.items);
        for (name, value) in resource.query {
            request = request.query(name, value);
        }
        let response = match self.send(request).await {
            Ok(response) => response,
            Err(error) if is_about_content(error.code) => return Ok(Err(unusable(error))),
            Err(error) => return Err(error),
        };
        if response.is_success() {
            return Ok(match response.json() {
                Ok(answer) => self.accept(answer),
                Err(error) => Err(unusable(error)),
            });
        }
        let error = response.error();
        if matches!(response.status, 401 | 429 | 503) {
            return Err(error);
        }
        let detail = error_text(&response.text());
        Ok(Err(self.failure(response.status, detail, Some(error))))
    }

    fn accept<T: Fallible>(&self, answer: T) -> Answer<T> {
        if let Some(exception) = answer.exception() {
            return Err(Failure {
                status: 200,
                detail: exception.errors.first().cloned().unwrap_or_default(),
                error: exception.coded(self.host()),
            });
        }
        match answer.error() {
            None => Ok(answer),
            Some(detail) => Err(self.failure(200, detail, None)),
        }
    }

    fn failure(&self, status: u16, detail: String, error: Option<CodedError>) -> Failure {
        let refused = || {
            CodedError::new(ErrorKind::Upstream, "pi.refused")
                .with("host", self.host())
                .with("status", status)
                .with("detail", &detail)
        };
        let error = error.filter(|_| detail == "-").unwrap_or_else(refused);
        Failure {
            status,
            detail,
            error,
        }
    }

    /// Reads several resources with as few requests as the server allows; answers in order.
    pub(crate) async fn get_all<T>(
        &self,
        resources: Vec<Resource>,
    ) -> Result<Vec<Answer<T>>, CodedError>
    where
        T: DeserializeOwned + Fallible,
    {
        let mut answers = Vec::with_capacity(resources.len());
        for part in resources.chunks(BATCH) {
            let together = match part.len() > 1 && !self.no_batch.load(Ordering::Relaxed) {
                true => self.batch(part).await?,
                false => None,
            };
            match together {
                Some(found) => answers.extend(found),
                None => {
                    for resource in part {
                        answers.push(self.try_get(resource.clone()).await?);
                    }
                }
            }
        }
        Ok(answers)
    }

    /// Reads several resources in one request; `None` when the server does not allow that.
    async fn batch<T>(&self, part: &[Resource]) -> Result<Option<Vec<Answer<T>>>, CodedError>
    where
        T: DeserializeOwned + Fallible,
    {
        let mut body = BTreeMap::new();
        for (position, resource) in part.iter().enumerate() {
            let url = self
                .client
                .origin()
                .target(&resource.path, &resource.query)?;
            let one = json!({"Method": "GET", "Resource": url.as_str()});
            body.insert(position.to_string(), one);
        }
        let request = Request::post("batch")
            // Without it the server takes the request for a forged one.
            .header("X-Requested-With", "XMLHttpRequest")
            .items(part.iter().map(|r| r.items).sum())
            .json(&body);
        let response = match self.send(request).await {
            Ok(response) => response,
            // One of the parts is to blame; asked for one by one, only that one fails.
            Err(error) if is_about_content(error.code) => return Ok(None),
            Err(error) => return Err(error),
        };
        if matches!(response.status, 400 | 403 | 404 | 405 | 501) {
            tracing::info!(host = self.host(), status = response.status, "no batches");
            self.no_batch.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let Ok(mut found) = response.check()?.json::<BatchAnswer>() else {
            return Ok(None);
        };
        let mut answers = Vec::with_capacity(part.len());
        for position in 0..part.len() {
            let one = found.remove(&position.to_string());
            answers.push(self.part(one)?);
        }
        Ok(Some(answers))
    }

    /// One answer of a batch.
    fn part<T>(&self, part: Option<BatchPart>) -> Result<Answer<T>, CodedError>
    where
        T: DeserializeOwned + Fallible,
    {
        let Some(part) = part else {
            return Ok(Err(self.failure(0, "-".to_owned(), None)));
        };
        let content = part.content.as_ref().map_or("null", |c| c.get());
        if (200..300).contains(&part.status) {
            let limits = JsonLimits {
                depth: 30,
                nodes: usize::MAX,
            };
            return Ok(match parse_json(content.as_bytes(), self.host(), limits) {
                Ok(answer) => self.accept(answer),
                Err(error) => Err(unusable(error)),
            });
        }
        let detail = neutralise(&error_text(content), 200);
        if matches!(part.status, 401 | 429 | 503) {
            let code = match part.status {
                401 => "http.unauthorized",
                429 => "http.too_many_requests",
                _ => "http.unavailable",
            };
            return Err(CodedError::new(ErrorKind::Upstream, code)
                .with("host", self.host())
                .with("offered", "-")
                .with("wait_s", PAUSE.as_secs()));
        }
        Ok(Err(self.failure(part.status, detail, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_of_many_answers_narrow_the_offset_down() {
        let mut offset = Offset::default();
        // The server is 2,300 ms ahead; its header counts whole seconds.
        for sent in (0..5_000).step_by(130) {
            let date = (sent + 10 + 2_300) / 1_000 * 1_000;
            offset.learn(date, sent, sent + 20);
        }
        let (estimate, uncertainty) = offset.estimate().unwrap();
        assert!(
            (estimate - 2_300).abs() <= uncertainty,
            "{estimate} ± {uncertainty}"
        );
        assert!(uncertainty < 120, "{uncertainty}");
        // Someone sets the clock: the old bounds are given up.
        offset.learn(60_000, 5_000, 5_020);
        assert!(offset.estimate().unwrap().0 > 50_000);
    }
}
