//! The handle the rest of the program holds: write, read, close, health.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::{JoinHandle, ThreadId},
};

use iq_domain::Clock;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    Health, StoreError,
    health::HealthCell,
    migrate, open,
    readers::Readers,
    writer::{BeforeCommit, Pending, Write, Writer},
};

/// Writes that may wait at once before async callers have to wait for a place.
const WAITING_WRITES: usize = 4096;

/// What can be chosen when a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Read connections.
    pub readers: usize,
    /// Largest size of the file in pages of 4 KiB; `None` leaves it to the disk.
    pub max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            max_pages: None,
        }
    }
}

/// The store of an appliance. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    queue: Mutex<Option<Sender<Box<dyn Write>>>>,
    places: Arc<Semaphore>,
    readers: Arc<Readers>,
    health: Arc<HealthCell>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
    copy_before_migration: Option<PathBuf>,
}

impl Store {
    /// Opens or creates the store and brings it to this program's schema.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::NotOurs`] leave the file as it is.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_with(path, clock, Options::default())
    }

    /// As [`Store::open`], with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, StoreError> {
        Self::open_sealed(path, clock, options, None)
    }

    /// As [`Store::open_with`]; `before_commit` runs inside every transaction, after the writes of its
    /// group and before the commit. What it adds is committed with them or not at all.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_sealed(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        options: Options,
        before_commit: Option<BeforeCommit>,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        open::assert_sqlite()?;
        migrate::inspect(path)?;
        let mut conn = open::writer(path)?;
        let copy_before_migration = migrate::run(&mut conn, path, clock.now())?;
        if let Some(pages) = options.max_pages {
            conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        }
        let readers = Arc::new(Readers::open(path, options.readers.max(1))?);
        let health = Arc::new(HealthCell::new(clock.now()));
        let writer = Writer {
            conn,
            health: Arc::clone(&health),
            clock,
            before_commit,
        };
        let (sender, receiver) = channel::<Box<dyn Write>>();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.work(&receiver))?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                queue: Mutex::new(Some(sender)),
                places: Arc::new(Semaphore::new(WAITING_WRITES)),
                readers,
                health,
                thread_id: thread.thread().id(),
                thread: Mutex::new(Some(thread)),
                copy_before_migration,
            }),
        })
    }

    /// Runs `write` in the writer's next commit and returns after that commit. When the closure
    /// returns an error, nothing it did is kept, and the other writes of the commit are not touched.
    /// A dropped future does not undo a write that is already waiting.
    ///
    /// # Errors
    /// The closure's, or the commit's.
    pub async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let places = Arc::clone(&self.inner.places);
        let permit = places
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let (sender, receiver) = oneshot::channel();
        self.send(Box::new(Pending {
            closure: Some(write),
            result: None,
            // A caller that is gone needs no answer.
            reply: move |result| drop(sender.send(result)),
            permit: Some(permit),
        }))?;
        receiver.await.unwrap_or(Err(StoreError::Closed))
    }

    /// As [`Store::write`], for callers outside the async runtime.
    ///
    /// # Errors
    /// As [`Store::write`]; a call from inside another write is refused.
    pub fn write_blocking<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        if std::thread::current().id() == self.inner.thread_id {
            return Err(StoreError::Internal(
                "a write inside a write would never end".to_owned(),
            ));
        }
        let (sender, receiver) = channel();
        self.send(Box::new(Pending {
            closure: Some(write),
            result: None,
            reply: move |result| drop(sender.send(result)),
            permit: None,
        }))?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `read` on one consistent snapshot of what is committed.
    ///
    /// # Errors
    /// The closure's, or SQLite's.
    pub async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let readers = Arc::clone(&self.inner.readers);
        let permits = Arc::clone(&readers.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(move || {
            let result = readers.with(read);
            drop(permit);
            result
        })
        .await
        .map_err(|_| StoreError::Internal("a read panicked; see the log".to_owned()))?
    }

    /// As [`Store::read`], for callers outside the async runtime.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_blocking<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.inner.readers.with(read)
    }

    /// Whether writes go through.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health.get()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The copy made before a migration at this start, if there was one.
    #[must_use]
    pub fn copy_before_migration(&self) -> Option<&Path> {
        self.inner.copy_before_migration.as_deref()
    }

    /// Writes a consistent copy of the store to a new file and flushes it to the disk.
    ///
    /// # Errors
    /// When the target exists or can't be written.
    pub fn copy_to_blocking(&self, target: &Path) -> Result<(), StoreError> {
        let text = target.to_str().ok_or_else(|| {
            StoreError::Internal("the path of the copy is not valid Unicode".to_owned())
        })?;
        // VACUUM is refused inside a transaction, which is how readers work; hence its own connection.
        let conn = open::reader(&self.inner.path)?;
        conn.pragma_update(None, "query_only", false)?;
        conn.execute("VACUUM INTO ?1", [text])?;
        std::fs::File::open(target)?.sync_all()?;
        Ok(())
    }

    /// Finishes what is waiting and closes the file for writing. Later writes get
    /// [`StoreError::Closed`]; reading goes on until the last clone is gone.
    pub fn close(&self) {
        self.inner.close();
    }

    fn send(&self, write: Box<dyn Write>) -> Result<(), StoreError> {
        let queue = self.inner.queue.lock();
        let sender = queue.as_ref().ok_or(StoreError::Closed)?;
        sender.send(write).map_err(|_| StoreError::Closed)
    }
}

impl Inner {
    fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        // The last clone may have been held by a write; a thread can't wait for itself.
        if let Some(thread) = thread
            && std::thread::current().id() != self.thread_id
            && thread.join().is_err()
        {
            tracing::error!("The store's writer ended by a panic.");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
