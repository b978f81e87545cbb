//! A few read-only connections handed out one at a time; each use sees one consistent snapshot.

use std::{path::Path, sync::Arc};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{StoreError, open};

pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// Keeps async callers from filling the blocking threads with waiting.
    pub(crate) permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, StoreError> {
        let idle = (0..count)
            .map(|_| open::reader(path))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            permits: Arc::new(Semaphore::new(count)),
        })
    }

    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = self.take();
        let conn = lent.conn.as_mut().expect("present until dropped");
        let snapshot = conn.transaction()?;
        read(&snapshot)
    }

    fn take(&self) -> Lent<'_> {
        let mut idle = self.idle.lock();
        loop {
            if let Some(conn) = idle.pop() {
                return Lent {
                    readers: self,
                    conn: Some(conn),
                };
            }
            self.returned.wait(&mut idle);
        }
    }
}

/// Gives the connection back also when the reader panics.
struct Lent<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers.idle.lock().extend(self.conn.take());
        self.readers.returned.notify_one();
    }
}
