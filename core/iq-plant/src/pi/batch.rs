//! `POST /batch`: several requests in one, those that wait for others fed from their answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    pi::{
        Inner,
        api::Call,
        params::{Params, Refusal, Ticks, select},
    },
    web::decoded,
};

/// Requests a batch may have, templates filled in.
const MAX_REQUESTS: usize = 1_000;

/// What one request of a batch answered.
#[derive(Clone, Debug)]
struct Sub {
    status: u16,
    content: Value,
}

impl Sub {
    fn json(&self) -> Value {
        json!({
            "Status": self.status,
            "Headers": { "Content-Type": "application/json; charset=utf-8" },
            "Content": self.content,
        })
    }

    fn failed(status: u16, error: impl Into<String>) -> Self {
        Self {
            status,
            content: json!({ "Errors": [error.into()] }),
        }
    }
}

impl Inner {
    /// Answers a batch.
    pub(crate) fn batch(&self, body: &[u8], now: Ticks, caller: &str) -> Result<Value, Refusal> {
        let requests: BTreeMap<String, Value> = serde_json::from_slice(body)
            .map_err(|e| Refusal::bad(format!("The batch could not be read: {e}")))?;
        if requests.len() > MAX_REQUESTS {
            return Err(Refusal::bad(format!(
                "The number of requests is greater than the maximum allowed ({MAX_REQUESTS})."
            )));
        }
        let mut done: BTreeMap<String, Sub> = BTreeMap::new();
        while done.len() < requests.len() {
            let ready: Vec<&String> = requests
                .iter()
                .filter(|(id, request)| {
                    !done.contains_key(*id) && parents(request).all(|p| done.contains_key(p))
                })
                .map(|(id, _)| id)
                .collect();
            if ready.is_empty() {
                return Err(Refusal::bad(
                    "The requests of the batch wait for each other or for one that is missing.",
                ));
            }
            for id in ready {
                let answer = self.one(&requests[id], &done, now, caller);
                done.insert(id.clone(), answer);
            }
        }
        let shown: Map<String, Value> = done.iter().map(|(id, s)| (id.clone(), s.json())).collect();
        Ok(Value::Object(shown))
    }

    fn one(&self, request: &Value, done: &BTreeMap<String, Sub>, now: Ticks, caller: &str) -> Sub {
        if parents(request).any(|p| done.get(p).is_none_or(|s| s.status >= 400)) {
            return Sub::failed(400, "A request this one waits for has failed.");
        }
        let method = request["Method"].as_str().unwrap_or("GET");
        if !method.eq_ignore_ascii_case("get") {
            return Sub::failed(405, format!("The method {method} is not allowed here."));
        }
        let fills: Vec<Vec<String>> = request["Parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|path| lookup(path, done))
            .collect();
        if let Some(template) = request["RequestTemplate"]["Resource"].as_str() {
            let rows = fills.iter().map(Vec::len).max().unwrap_or(0);
            if rows > MAX_REQUESTS {
                return Sub::failed(400, "The template makes too many requests.");
            }
            let items: Vec<Value> = (0..rows)
                .map(|row| self.get(&fill(template, &fills, row), now, caller).json())
                .collect();
            return Sub {
                status: 207,
                content: json!({ "Total": items.len(), "Items": items }),
            };
        }
        let Some(resource) = request["Resource"].as_str() else {
            return Sub::failed(400, "The request has no resource.");
        };
        if fills.iter().any(Vec::is_empty) {
            return Sub::failed(400, "A parameter of the request matches nothing.");
        }
        self.get(&fill(resource, &fills, 0), now, caller)
    }

    fn get(&self, resource: &str, now: Ticks, caller: &str) -> Sub {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let lower = path.to_lowercase();
        let below = match lower.find("/piwebapi") {
            Some(at) => &path[at + "/piwebapi".len()..],
            None => path,
        };
        let path: Vec<String> = below
            .split('/')
            .filter(|s| !s.is_empty())
            .map(decoded)
            .collect();
        let params = Params::parse(query);
        let call = Call {
            path: &path,
            params: &params,
            now,
            caller,
        };
        match self.answer(&call) {
            Ok(content) => Sub {
                status: 200,
                content: match params.get("selectedFields") {
                    Some(fields) => select(content, fields),
                    None => content,
                },
            },
            Err(refusal) => Sub {
                status: refusal.status,
                content: json!({ "Errors": refusal.errors }),
            },
        }
    }
}

fn parents(request: &Value) -> impl Iterator<Item = &str> {
    let ids = request["ParentIds"].as_array();
    ids.into_iter().flatten().filter_map(Value::as_str)
}

/// Replaces `{0}`, `{1}` … by what the parameters found.
fn fill(resource: &str, fills: &[Vec<String>], row: usize) -> String {
    let mut text = resource.to_owned();
    for (i, values) in fills.iter().enumerate() {
        let value = values.get(row).or_else(|| values.last());
        text = text.replace(&format!("{{{i}}}"), value.map_or("", String::as_str));
    }
    text
}

/// What a path like `$.id.Content.Items[*].WebId` finds in the answers so far.
fn lookup(path: &str, done: &BTreeMap<String, Sub>) -> Vec<String> {
    let Some(rest) = path.strip_prefix("$.") else {
        return Vec::new();
    };
    let mut parts = rest.split('.');
    let Some(sub) = parts.next().and_then(|id| done.get(id)) else {
        return Vec::new();
    };
    let mut found = vec![sub.json()];
    for part in parts {
        let (name, indices) = part.split_once('[').unwrap_or((part, ""));
        found = found.into_iter().map(|v| v[name].clone()).collect();
        for index in indices.split('[').filter(|i| !i.is_empty()) {
            let index = index.trim_end_matches(']');
            found = found
                .into_iter()
                .flat_map(|v| match (v, index.parse::<usize>()) {
                    (Value::Array(items), _) if index == "*" => items,
                    (Value::Array(items), Ok(at)) => items.into_iter().skip(at).take(1).collect(),
                    _ => Vec::new(),
                })
                .collect();
        }
    }
    found
        .into_iter()
        .filter_map(|v| match v {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect()
}
