//! The staged test and its errors in the reader's language.

use iq_api_types::{StageStatus, StatusMessage, TestReport, TestStage};
use iq_domain::{CodedError, Message};
use iq_locale::{Language, Params};

use crate::Step;

/// Where the sentence of a step stands; errors come last.
const SECTIONS: [&str; 2] = ["sentence", "stage"];

/// The steps as a page shows them; the code is that of the first step that failed.
#[must_use]
pub fn report(language: Language, steps: &[Step]) -> (TestReport, &'static str) {
    let failed = steps.iter().find_map(|step| step.outcome.as_ref().err());
    let code = failed.map_or("sso.test_passed", |error| error.code);
    let message = match failed {
        Some(error) => iq_locale::error(language, error.code, &error.params),
        None => iq_locale::message(language, &SECTIONS, code, &Params::new()),
    };
    let report = TestReport {
        success: failed.is_none(),
        message,
        code: code.to_owned(),
        stages: steps.iter().map(|step| stage(language, step)).collect(),
    };
    (report, code)
}

fn stage(language: Language, step: &Step) -> TestStage {
    let (status, message) = match &step.outcome {
        Err(error) => (StageStatus::Failed, problem(language, error)),
        Ok(found) => {
            let status = if step.is_uncertain {
                StageStatus::Warning
            } else {
                StageStatus::Ok
            };
            (status, said(language, found))
        }
    };
    TestStage {
        key: step.key.to_owned(),
        status,
        ms: u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
        message: Some(message),
    }
}

fn said(language: Language, found: &Message) -> StatusMessage {
    StatusMessage {
        code: found.code.clone(),
        message: iq_locale::message(language, &SECTIONS, &found.code, &found.params),
        params: found.params.clone(),
    }
}

/// An error as something that is shown.
#[must_use]
pub fn problem(language: Language, error: &CodedError) -> StatusMessage {
    StatusMessage {
        code: error.code.to_owned(),
        message: iq_locale::error(language, error.code, &error.params),
        params: error.params.clone(),
    }
}
