//! A file system for SQLite that does everything through the system's own and records it on the way,
//! for folders that are being recorded; for all others it is the system's own.
//!
//! It is registered as the default, so programs open their files as they always do. A flush of a
//! folder can't be seen from here, so it is inferred as SQLite's file system for Unix makes it: with the
//! first flush of a journal that could be created, and with a removal that asks for it.
#![allow(
    unsafe_code,
    reason = "SQLite's file systems are tables of C functions"
)]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::PathBuf,
    ptr::{null, null_mut},
    sync::{
        Arc, Once,
        atomic::{AtomicPtr, Ordering},
    },
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::log::{FileId, Recorder, recorder_of};

/// The system's own file system.
static SYSTEM: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(null_mut());

/// What SQLite allocates for an open file; the system's own file lies behind it.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// Null where nothing is recorded.
    recorded: *mut Recorded,
}

/// A file that is being recorded.
struct Recorded {
    recorder: Arc<Recorder>,
    id: FileId,
    /// Its first flush is followed by one of the folder.
    flushes_folder: bool,
}

/// Makes this file system the default of the process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite's own list of file systems; what is registered lives as long as the process.
        unsafe {
            let system = ffi::sqlite3_vfs_find(null());
            assert!(!system.is_null(), "SQLite has no file system");
            SYSTEM.store(system, Ordering::Release);
            let ours = Box::leak(Box::new(table(&*system)));
            let code = ffi::sqlite3_vfs_register(ours, 1);
            assert_eq!(code, ffi::SQLITE_OK, "the file system was not taken");
        }
    });
}

fn table(system: &sqlite3_vfs) -> sqlite3_vfs {
    let own = c_int::try_from(size_of::<File>()).expect("a few words");
    sqlite3_vfs {
        // Without the calls that replace system calls: nobody asks for them.
        iVersion: 2,
        szOsFile: own + system.szOsFile,
        mxPathname: system.mxPathname,
        pNext: null_mut(),
        zName: c"recording".as_ptr(),
        pAppData: null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: Some(current_time_64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// Version 2 leaves out memory mapping: pages that change in a mapped file could not be recorded.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Calls a function of the system's file system.
macro_rules! system {
    ($function:ident($($argument:expr),*)) => {{
        let system = SYSTEM.load(Ordering::Acquire);
        match (*system).$function {
            Some(function) => function(system, $($argument),*),
            None => Default::default(),
        }
    }};
}

/// Calls a method of the system's own file behind ours.
macro_rules! real {
    ($method:ident($file:expr $(, $argument:expr)*)) => {{
        let real = real_of($file);
        match (*(*real).pMethods).$method {
            Some(method) => method(real $(, $argument)*),
            None => Default::default(),
        }
    }};
}

/// # Safety
/// `file` was filled by [`open`].
unsafe fn real_of(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: `szOsFile` makes room for both, one behind the other.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// # Safety
/// As [`real_of`].
unsafe fn recorded_of<'a>(file: *mut sqlite3_file) -> Option<&'a mut Recorded> {
    // SAFETY: SQLite uses a file from one thread at a time.
    unsafe { (*file.cast::<File>()).recorded.as_mut() }
}

/// # Safety
/// `name` is null or a path that ends with a zero.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as promised.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(name.to_str().ok()?))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    given: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room of `szOsFile` bytes, and a name that lives as long as the file.
    unsafe {
        let ours = file.cast::<File>();
        (*ours).base.pMethods = null();
        (*ours).recorded = null_mut();
        let path = path_of(name);
        let recorder = path.as_deref().and_then(recorder_of);
        let is_new = path.as_deref().is_some_and(|path| !path.exists());
        let real = real_of(file);
        (*real).pMethods = null();
        let code: c_int = system!(xOpen(name, real, flags, given));
        if (*real).pMethods.is_null() {
            return code;
        }
        (*ours).base.pMethods = &raw const METHODS;
        if let (Some(recorder), Some(path), ffi::SQLITE_OK) = (recorder, path, code) {
            let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL
                | ffi::SQLITE_OPEN_SUPER_JOURNAL
                | ffi::SQLITE_OPEN_WAL;
            let is_made = is_new && flags & ffi::SQLITE_OPEN_CREATE != 0;
            (*ours).recorded = Box::into_raw(Box::new(Recorded {
                id: recorder.opened(&path, is_made),
                recorder,
                // Whether it was there or not: another connection may just have made it.
                flushes_folder: flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journals != 0,
            }));
        }
        code
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, flush: c_int) -> c_int {
    // SAFETY: the name ends with a zero.
    unsafe {
        let path = path_of(name);
        let Some((recorder, path)) = path.and_then(|path| Some((recorder_of(&path)?, path))) else {
            return system!(xDelete(name, flush));
        };
        recorder.deleted(&path, flush != 0, || {
            let code: c_int = system!(xDelete(name, flush));
            code
        })
    }
}

unsafe extern "C" fn access(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xAccess(name, flags, result)) }
}

unsafe extern "C" fn full_pathname(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xFullPathname(name, room, out)) }
}

unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xRandomness(count, out)) }
}

unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xSleep(microseconds)) }
}

unsafe extern "C" fn current_time(_: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xCurrentTime(out)) }
}

unsafe extern "C" fn current_time_64(_: *mut sqlite3_vfs, out: *mut sqlite3_int64) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xCurrentTimeInt64(out)) }
}

unsafe extern "C" fn get_last_error(_: *mut sqlite3_vfs, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: passed on as given.
    unsafe { system!(xGetLastError(room, out)) }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the box was made in `open`, and SQLite closes a file once.
    unsafe {
        let ours = file.cast::<File>();
        if !(*ours).recorded.is_null() {
            drop(Box::from_raw((*ours).recorded));
            (*ours).recorded = null_mut();
        }
        real!(xClose(file))
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xRead(file, into, count, at)) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: `from` holds `count` bytes.
    unsafe {
        let Some(recorded) = recorded_of(file) else {
            return real!(xWrite(file, from, count, at));
        };
        let length = usize::try_from(count).unwrap_or(0);
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), length);
        let at = at.unsigned_abs();
        recorded.recorder.written(recorded.id, at, bytes, || {
            let code: c_int = real!(xWrite(file, from, count, at.cast_signed()));
            code
        })
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: passed on as given.
    unsafe {
        let Some(recorded) = recorded_of(file) else {
            return real!(xTruncate(file, size));
        };
        let id = recorded.id;
        recorded.recorder.truncated(id, size.unsigned_abs(), || {
            let code: c_int = real!(xTruncate(file, size));
            code
        })
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe {
        let Some(recorded) = recorded_of(file) else {
            return real!(xSync(file, flags));
        };
        let with_folder = std::mem::take(&mut recorded.flushes_folder);
        recorded.recorder.flushed(recorded.id, with_folder, || {
            let code: c_int = real!(xSync(file, flags));
            code
        })
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xFileSize(file, size)) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xLock(file, level)) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xUnlock(file, level)) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, result: *mut c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xCheckReservedLock(file, result)) }
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xFileControl(file, operation, argument)) }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xSectorSize(file)) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xDeviceCharacteristics(file)) }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xShmMap(file, page, size, extend, out)) }
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xShmLock(file, offset, count, flags)) }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: passed on as given.
    unsafe { real!(xShmBarrier(file)) }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, remove: c_int) -> c_int {
    // SAFETY: passed on as given.
    unsafe { real!(xShmUnmap(file, remove)) }
}
