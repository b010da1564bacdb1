//! The state file.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;

use crate::{shared::Shared, state::State};

/// Changes within this time are saved together.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Reads a state file. A missing file is an empty state.
pub(crate) fn load(path: &Path) -> anyhow::Result<State> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a state file", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces a state file as a whole: a reader sees the old text or the new one.
pub(crate) fn store(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // The file holds the signing key and live refresh tokens.
            options.mode(0o600);
        }
        let mut file = options.open(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Saves after every change, until the task is aborted.
pub(crate) async fn keep_saving(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        tokio::time::sleep(DEBOUNCE).await;
        if let Err(error) = shared.save().await {
            tracing::warn!("the sandbox's state was not saved: {error:#}");
        }
    }
}
