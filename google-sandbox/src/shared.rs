//! The state behind its lock, with what has to happen after a change.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{calendar::push::Couriers, keys::Keys, persist, state::State};

/// What every handler gets.
pub(crate) struct Shared {
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    pub(crate) keys: Keys,
    pub(crate) changed: Notify,
    state: Mutex<State>,
    file: Mutex<Option<PathBuf>>,
    couriers: Couriers,
}

impl Shared {
    pub(crate) fn new(
        origin: String,
        keys: Keys,
        state: State,
        state_file: Option<PathBuf>,
    ) -> Arc<Self> {
        Arc::new(Self {
            origin,
            keys,
            changed: Notify::new(),
            state: Mutex::new(state),
            file: Mutex::new(state_file),
            couriers: Couriers::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state. Nothing that is kept may change.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes the state, then sends the pushes that the change caused and has it saved.
    pub(crate) fn write<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, pushes) = {
            let mut state = self.lock();
            let result = change(&mut state);
            (result, state.pushes.take())
        };
        self.couriers.send(self, pushes);
        self.changed.notify_one();
        result
    }

    /// Saves the state to its file, if there is one.
    pub(crate) async fn save(self: &Arc<Self>) -> anyhow::Result<()> {
        let shared = self.clone();
        tokio::task::spawn_blocking(move || shared.save_now()).await?
    }

    fn save_now(&self) -> anyhow::Result<()> {
        // The state is read while the file is held, so that a later save never holds an older state.
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = file.as_deref() else {
            return Ok(());
        };
        let text = self.read(|state| serde_json::to_vec(state))?;
        persist::store(path, &text)
    }
}
