//! The gateway's own paths, under `/.reprise/`.

use super::convert::{self, Payload};
use super::js::{self, KvNamespace, ObjectNamespace};
use super::overflow::Overflow;
use super::settings::{Invalid, Settings};
use super::{responses, shard};
use crate::protocol::headers::Headers;
use crate::protocol::refusal::TYPE_PATH;
use crate::protocol::replay::Head;
use serde_json::json;
use wasm_bindgen::JsValue;
use web_sys::Response;
use worker::Env;

/// No request below this reaches the origin.
pub const PREFIX: &str = "/.reprise/";

/// Answers `path`, which begins with [`PREFIX`].
pub fn answer(
    path: &str,
    env: &Env,
    settings: Result<&Settings, &Invalid>,
) -> Result<Response, JsValue> {
    match path {
        "/.reprise/health" => health(env, settings),
        TYPE_PATH => text(200, "text/markdown; charset=utf-8", &js::refusals()),
        _ => text(
            404,
            "text/plain",
            "There are /.reprise/health and /.reprise/refusals.\n",
        ),
    }
}

fn health(env: &Env, settings: Result<&Settings, &Invalid>) -> Result<Response, JsValue> {
    let ledger = js::binding::<ObjectNamespace>(env, shard::BINDING).is_some();
    let no_ledger: Invalid = format!(
        "wrangler.toml: the Durable Object binding `{}` is missing; every guarded request is refused",
        shard::BINDING
    );
    let settings = if ledger {
        settings
    } else {
        settings.and(Err(&no_ledger))
    };
    let bindings = json!({
        shard::BINDING: ledger,
        responses::BINDING: js::binding::<KvNamespace>(env, responses::BINDING).is_some(),
        super::overflow::BINDING: Overflow::of(env).is_some(),
    });
    let version = env!("CARGO_PKG_VERSION");
    let (status, body) = match settings {
        Ok(settings) => (
            200,
            json!({
                "status": "ok",
                "version": version,
                "policy": {
                    "hash": settings.hash,
                    "source": settings.source,
                    "origin": settings.policy.origin.url,
                    "routes": settings.policy.routes.iter().map(|r| &r.name).collect::<Vec<_>>(),
                },
                "bindings": bindings,
            }),
        ),
        Err(error) => (
            500,
            json!({ "status": "error", "version": version, "error": error, "bindings": bindings }),
        ),
    };
    text(status, "application/json", &format!("{body}\n"))
}

fn text(status: u16, media_type: &str, body: &str) -> Result<Response, JsValue> {
    let mut headers = Headers::new();
    headers.push("content-type", media_type);
    headers.push("cache-control", "no-store");
    convert::response(&Head { status, headers }, &Payload::from(body.as_bytes()))
}
