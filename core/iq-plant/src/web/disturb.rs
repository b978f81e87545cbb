//! Disturbances of the web services on an instructor's order: what real servers and the proxies before
//! them do now and then, so that a client can be shown to stand it.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// A web service of the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebService {
    /// The PI-compatible endpoint.
    Pi,
    /// The maintenance system.
    Sap,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// 502 with a page of HTML, as a proxy answers.
    Html,
    /// 500 with the service's own error body.
    InternalError,
    /// 503.
    Unavailable,
    /// 429.
    TooManyRequests,
    /// 413.
    TooLarge,
    /// 401 although the credentials are right.
    Unauthorized,
    /// 403 without a reason.
    Forbidden,
    /// The answer comes ten seconds late.
    Slow,
    /// The connection ends in the middle of the answer.
    Cut,
    /// 200 with something that is no JSON.
    Garbage,
    /// Values of a 200 end half-way with a `WebException` (PI).
    WebException,
    /// One stream of a set answers with `Errors` in place of values (PI).
    ItemErrors,
    /// The link to the next page leads to another host.
    ForeignNext,
    /// The request is carried out, then the connection ends without an answer.
    LostReply,
    /// The CSRF token has just become invalid (maintenance system).
    StaleToken,
    /// The entity was changed by somebody else a moment ago (maintenance system).
    Changed,
}

#[derive(Debug)]
struct Armed {
    kind: Disturbance,
    times: u32,
    path: Option<String>,
}

/// Disturbances that wait for requests.
#[derive(Debug, Default)]
pub(crate) struct Disturbances(Mutex<Vec<Armed>>);

impl Disturbances {
    /// Disturbs the next `times` requests whose path contains `path`.
    pub(crate) fn arm(&self, kind: Disturbance, times: u32, path: Option<String>) {
        if times > 0 {
            let path = path.map(|p| p.to_lowercase());
            self.lock().push(Armed { kind, times, path });
        }
    }

    /// Forgets everything that waits.
    pub(crate) fn calm(&self) {
        self.lock().clear();
    }

    /// The disturbance for a request, used up by being taken.
    pub(crate) fn take(&self, path: &str, kinds: &[Disturbance]) -> Option<Disturbance> {
        let path = path.to_lowercase();
        let mut armed = self.lock();
        let at = armed.iter().position(|a| {
            kinds.contains(&a.kind) && a.path.as_ref().is_none_or(|part| path.contains(part))
        })?;
        armed[at].times -= 1;
        let kind = armed[at].kind;
        if armed[at].times == 0 {
            armed.remove(at);
        }
        Some(kind)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbs_as_often_as_ordered_and_only_where() {
        let d = Disturbances::default();
        d.arm(Disturbance::Html, 2, Some("Recorded".to_owned()));
        let all = [Disturbance::Html];
        assert_eq!(d.take("/system", &all), None);
        assert_eq!(d.take("/streams/x/recorded", &[Disturbance::Cut]), None);
        assert_eq!(d.take("/streams/x/recorded", &all), Some(Disturbance::Html));
        assert_eq!(d.take("/streams/x/recorded", &all), Some(Disturbance::Html));
        assert_eq!(d.take("/streams/x/recorded", &all), None);
    }
}
