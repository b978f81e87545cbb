//! What is set on paper: in which language, one at a time, and how the file travels.

pub(crate) mod voice;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_domain::{CodedError, ErrorKind};
use iq_locale::Language;
use iq_report::{Column, Pdf, Report};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use crate::{
    evidence::attach,
    http::{Answer, Failure},
};

/// Who makes the documents.
pub(crate) const AUTHOR: &str = concat!("OPTRIA IQ ", env!("CARGO_PKG_VERSION"));

/// One report at a time: setting one takes a core for seconds.
static PRESS: Semaphore = Semaphore::const_new(1);

/// Language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportLanguage {
    /// Arabic, then English.
    #[default]
    Both,
    Ar,
    En,
}

impl ReportLanguage {
    pub(crate) const fn languages(self) -> &'static [Language] {
        match self {
            Self::Both => &[Language::Ar, Language::En],
            Self::Ar => &[Language::Ar],
            Self::En => &[Language::En],
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct ReportQuery {
    /// `ar`, `en`, or `both` (if absent): Arabic, then English.
    #[serde(default)]
    #[param(inline)]
    pub(crate) lang: ReportLanguage,
}

/// The language of a part.
pub(crate) const fn language(language: Language) -> iq_report::Language {
    match language {
        Language::Ar => iq_report::Language::Ar,
        Language::En => iq_report::Language::En,
    }
}

pub(crate) fn column(title: String, share: u8) -> Column {
    Column { title, share }
}

/// Sets a report, on a thread that may take its time.
pub(crate) async fn set(report: Report) -> Answer<Pdf> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "A report could not be set.");
        Failure::new(CodedError::new(ErrorKind::Internal, "internal.error"))
    };
    let turn = PRESS.acquire().await.map_err(|e| failed(&e))?;
    tokio::task::spawn_blocking(move || {
        // Kept here: whoever asked may have gone, the work goes on.
        let _turn = turn;
        iq_report::render(&report)
    })
    .await
    .map_err(|e| failed(&e))?
    .map_err(|e| failed(&e))
}

/// A file to keep, with its number of pages.
pub(crate) fn answer(pdf: Pdf, name: &str) -> Response {
    let mut headers = HeaderMap::new();
    let media = HeaderValue::from_static("application/pdf");
    headers.insert(header::CONTENT_TYPE, media);
    attach(&mut headers, name);
    headers.insert("x-optria-pages", HeaderValue::from(pdf.pages));
    (headers, pdf.bytes).into_response()
}
