//! The sandbox as a server of its own.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use google_sandbox::{Account, Client, Config, Sandbox};

/// A local stand-in for Google's sign-in and Calendar. It is NOT Google.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The loopback port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 14102)]
    port: u16,
    /// The address to listen on; only loopback is accepted.
    #[arg(long, default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    /// Where everything is kept between runs.
    #[arg(long)]
    state: Option<PathBuf>,
    /// The client id of the application.
    #[arg(long, default_value = "demo.apps.googleusercontent.com")]
    client_id: String,
    /// The client secret of the application.
    #[arg(long, default_value = "GOCSPX-demo")]
    client_secret: String,
    /// Another place to which people may be sent back; may be given several times.
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Another person, as `email=Full Name=Zone/City`; may be given several times.
    #[arg(long, value_parser = parse_account)]
    account: Vec<Account>,
}

fn parse_account(text: &str) -> Result<Account, String> {
    let mut parts = text.splitn(3, '=');
    let email = parts.next().unwrap_or_default().to_owned();
    if !email.contains('@') {
        return Err("an account starts with an e-mail address".to_owned());
    }
    let name = parts.next().unwrap_or(&email).to_owned();
    let zone = parts.next().unwrap_or("Europe/Berlin");
    let time_zone = zone
        .parse()
        .map_err(|_| format!("{zone} is not a time zone"))?;
    Ok(Account {
        email,
        name,
        time_zone,
    })
}

fn people() -> Vec<Account> {
    [
        ("tutor@example.com", "Tara Tutor", chrono_tz::Europe::Berlin),
        (
            "student@example.com",
            "Sam Student",
            chrono_tz::Europe::Berlin,
        ),
        (
            "tutor2@example.com",
            "Theo Tutor",
            chrono_tz::America::New_York,
        ),
        (
            "guardian@example.com",
            "Gale Guardian",
            chrono_tz::Europe::Berlin,
        ),
        ("admin@example.com", "Ada Admin", chrono_tz::UTC),
    ]
    .into_iter()
    .map(|(email, name, time_zone)| Account {
        email: email.to_owned(),
        name: name.to_owned(),
        time_zone,
    })
    .collect()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let arguments = Arguments::parse();
    let mut redirect_uris = vec!["http://127.0.0.1:9999/cb".to_owned()];
    redirect_uris.extend(arguments.redirect_uri);
    let mut accounts = people();
    accounts.extend(arguments.account);
    let sandbox = Sandbox::start(Config {
        bind: SocketAddr::new(arguments.host, arguments.port),
        accounts,
        clients: vec![Client {
            id: arguments.client_id,
            secret: arguments.client_secret,
            redirect_uris,
        }],
        state_file: arguments.state,
    })
    .await?;
    tracing::info!("a stand-in for Google is at {}", sandbox.issuer());
    stop_signal().await;
    sandbox.shutdown().await;
    Ok(())
}

/// Waits for Ctrl-C, or for a polite end.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
