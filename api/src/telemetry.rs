//! Logs and metrics.

pub mod metrics;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// `RUST_LOG`: what is logged; `info` when not set. `LOG_FORMAT`: `json` or `text`; `json` on Cloud Run,
/// `text` elsewhere.
pub fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sea_orm_migration=warn,sqlx=warn"));
    let json = match std::env::var("LOG_FORMAT").as_deref() {
        Ok("json") => true,
        Ok(_) => false,
        Err(_) => std::env::var_os("K_SERVICE").is_some(),
    };
    let layer = if json {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    } else {
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        fmt::layer()
            .with_target(false)
            .with_ansi(is_terminal)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
}
